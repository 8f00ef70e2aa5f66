-- The queue: how downloads are ranked, when they are tried again, which limits hold, and what hosts are known to serve.
--
-- `host_of` is a function of this program, present while the schema is brought up to date.
-- *The line* is what may be admitted: pending, wanted, and not for standard output. Its indexes hold nothing else, so
-- they stay small, and a look at the queue costs the same however much is finished, paused or waiting.

ALTER TABLE downloads ADD COLUMN host TEXT NOT NULL DEFAULT '';               -- of the first address, `name:port`
ALTER TABLE downloads ADD COLUMN lot TEXT NOT NULL DEFAULT '';                -- host and group in one: lots.py
ALTER TABLE downloads ADD COLUMN lane INTEGER NOT NULL DEFAULT 3 CHECK (lane BETWEEN 0 AND 4);
ALTER TABLE downloads ADD COLUMN priority INTEGER NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2);
ALTER TABLE downloads ADD COLUMN position REAL NOT NULL DEFAULT 9e999;        -- infinity: none was given
ALTER TABLE downloads ADD COLUMN ready REAL NOT NULL DEFAULT 0;
ALTER TABLE downloads ADD COLUMN due REAL;
ALTER TABLE downloads ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0);

UPDATE downloads SET host = host_of(uri), lot = host_of(uri) || ' ' || hex(group_id), ready = added;

CREATE INDEX downloads_line ON downloads (lane, priority, position, seq, lot, host)
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-';

CREATE INDEX downloads_lots ON downloads (lot, lane, priority, position, seq)
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-';

CREATE INDEX downloads_lots_ready ON downloads (lot, ready, seq)
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-';

CREATE INDEX downloads_ready ON downloads (ready, seq)
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-';

CREATE INDEX downloads_due ON downloads (due) WHERE phase = 'waiting';
CREATE INDEX downloads_group ON downloads (group_id) WHERE group_id IS NOT NULL;

CREATE TABLE rates (
  host TEXT PRIMARY KEY,                     -- empty for all together
  rate INTEGER NOT NULL CHECK (rate > 0)     -- bytes a second
) WITHOUT ROWID;

CREATE TABLE hosts_2 (
  host TEXT PRIMARY KEY,
  connections INTEGER,                       -- NULL: no limit was met
  ranges INTEGER NOT NULL CHECK (ranges IN (0, 1)),
  learned REAL NOT NULL,
  version TEXT,
  busy_until REAL
) WITHOUT ROWID;

INSERT INTO hosts_2 (host, connections, ranges, learned) SELECT host, connections, ranges, learned FROM hosts;
DROP TABLE hosts;
ALTER TABLE hosts_2 RENAME TO hosts;
