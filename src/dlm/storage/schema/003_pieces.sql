-- Digests of pieces: they are large, so they stand neither in a spec nor in a checkpoint, and are read when a download starts.

CREATE TABLE pieces (
  download TEXT PRIMARY KEY REFERENCES downloads (id) ON DELETE CASCADE,
  algorithm TEXT NOT NULL,
  length INTEGER NOT NULL CHECK (length > 0),  -- bytes of every piece but the last
  digests BLOB NOT NULL                        -- one behind the other, in order
);
