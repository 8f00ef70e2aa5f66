-- Folders that become downloads: how far the listing of each has come.

CREATE TABLE expansions (
  download TEXT PRIMARY KEY REFERENCES downloads (id) ON DELETE CASCADE,
  files INTEGER NOT NULL CHECK (files >= 0),         -- found in the folders that were read to their ends
  size INTEGER NOT NULL CHECK (size >= 0),           -- their bytes, as far as listings told them
  folders INTEGER NOT NULL CHECK (folders >= 0),
  omitted INTEGER NOT NULL CHECK (omitted >= 0)      -- names that were left out
) WITHOUT ROWID;

CREATE TABLE frontiers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,             -- the order in which they were found
  download TEXT NOT NULL REFERENCES downloads (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  path TEXT NOT NULL,                                -- below the first folder
  depth INTEGER NOT NULL CHECK (depth >= 0),
  UNIQUE (download, path)
);
