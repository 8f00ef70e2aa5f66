-- Lists can be sorted: by name, by size, by when they ended. Those of which it is not known are in no index.
--
-- `name_mark` is a function of this program, present while the schema is brought up to date: what a name is compared by.

ALTER TABLE downloads ADD COLUMN label TEXT NOT NULL DEFAULT '';
UPDATE downloads SET label = name_mark(name, output, uri);

CREATE INDEX downloads_name ON downloads (label);
CREATE INDEX downloads_size ON downloads (size) WHERE size IS NOT NULL;
CREATE INDEX downloads_finish ON downloads (finished) WHERE finished IS NOT NULL;
