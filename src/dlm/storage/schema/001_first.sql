-- The first schema: downloads, their checkpoints, their story, and what hosts tolerated.
--
-- Text that is not valid Unicode (a directory may have such a name) is stored as a BLOB of its bytes.
-- Times are seconds since the epoch. The legal moves between phases stand in model/phase.py; here stand the phases.

CREATE TABLE downloads (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,     -- the order in which they were added
  id TEXT NOT NULL UNIQUE,
  spec TEXT NOT NULL,                        -- JSON; uri, directory and output repeat what `same` and `find` look for
  uri TEXT NOT NULL,
  directory TEXT NOT NULL,
  output TEXT,
  added REAL NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN (
    'pending', 'scheduled', 'running', 'completing', 'waiting', 'paused', 'completed', 'failed', 'cancelled'
  )),
  intent TEXT NOT NULL CHECK (intent IN ('run', 'pause', 'cancel')),
  name TEXT,
  size INTEGER CHECK (size >= 0),
  downloaded INTEGER NOT NULL CHECK (downloaded >= 0),
  path TEXT,
  verified TEXT,                             -- JSON
  fault TEXT,                                -- JSON
  finished REAL,
  owner TEXT,
  lease_until REAL,
  group_id TEXT
);

CREATE INDEX downloads_same ON downloads (uri, directory);
CREATE INDEX downloads_phase ON downloads (phase);
CREATE INDEX downloads_owner ON downloads (owner) WHERE owner IS NOT NULL;

CREATE TABLE checkpoints (
  revision INTEGER PRIMARY KEY,              -- the checkpoint that was saved last has the greatest
  download TEXT NOT NULL REFERENCES downloads (id) ON DELETE CASCADE,
  part INTEGER NOT NULL CHECK (part >= 0),
  resource TEXT NOT NULL,                    -- JSON
  place TEXT NOT NULL,                       -- JSON
  done TEXT NOT NULL,                        -- for each span the gap before it and its size
  UNIQUE (download, part)
);

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,     -- never given twice, even after removals
  download TEXT NOT NULL REFERENCES downloads (id) ON DELETE CASCADE,
  at REAL NOT NULL,
  origin TEXT NOT NULL,
  target TEXT NOT NULL,
  cause TEXT NOT NULL,
  detail TEXT
);

CREATE INDEX events_download ON events (download, seq);

CREATE TRIGGER events_are_facts BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'an event is a fact: it is never changed');
END;

CREATE TABLE hosts (
  host TEXT PRIMARY KEY,
  connections INTEGER NOT NULL,
  ranges INTEGER NOT NULL CHECK (ranges IN (0, 1)),
  learned REAL NOT NULL
) WITHOUT ROWID;
