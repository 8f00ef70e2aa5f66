-- Every statement that the Repository runs, by name. The first line of each names it, the next says what it is for.

-- :insert_download
-- Record a new download.
INSERT INTO downloads (
  id, spec, uri, directory, output, label, added, phase, intent, name, size, downloaded, path, verified, fault, finished,
  owner, lease_until, group_id, host, lot, lane, priority, position, ready, due, attempts
) VALUES (
  :id, :spec, :uri, :directory, :output, :label, :added, :phase, :intent, :name, :size, :downloaded, :path, :verified, :fault,
  :finished, :owner, :lease_until, :group_id, :host, :lot, :lane, :priority, :position, :ready, :due, :attempts
);

-- :save_life
-- Write what changes with the phase, the intent or the owner.
UPDATE downloads SET
  phase = :phase, intent = :intent, path = :path, verified = :verified, fault = :fault, finished = :finished,
  owner = :owner, lease_until = :lease_until, lane = :lane, ready = :ready, due = :due, attempts = :attempts
WHERE id = :id;

-- :save_spec
-- Write what the user asks for now, with the columns that repeat parts of it.
UPDATE downloads SET
  spec = :spec, uri = :uri, directory = :directory, output = :output, label = :label, host = :host, lot = :lot
WHERE id = :id;

-- :save_rank
-- Write what decides the place in the queue.
UPDATE downloads SET
  lane = :lane, priority = :priority, position = :position, group_id = :group_id, host = :host, lot = :lot
WHERE id = :id;

-- :save_progress
-- Write how much there is. Every 2 s for each running download, so it touches no index.
UPDATE downloads SET downloaded = :downloaded WHERE id = :id;

-- :save_name
-- Write what else a checkpoint implies, where it is not as it was: indexes hold it.
UPDATE downloads SET name = :name, size = :size, label = :label
WHERE id = :id AND (name IS NOT :name OR size IS NOT :size OR label IS NOT :label);

-- :get_download
-- One download by its id.
SELECT * FROM downloads WHERE id = :id;

-- :ids_with_prefix
-- Ids that begin with a prefix of hexadecimal digits; '~' sorts after every digit.
SELECT id FROM downloads WHERE id >= :prefix AND id < :prefix || '~' ORDER BY id LIMIT 6;

-- :seq_of_download
-- Where a download stands in the order of addition: the cursor of a listing.
SELECT seq FROM downloads WHERE id = :id;

-- :same_downloads
-- Downloads of one address into one directory under one name, newest first.
SELECT * FROM downloads WHERE uri = :uri AND directory = :directory AND output IS :output ORDER BY seq DESC;

-- :renew_leases
-- Extend the lease of everything that an owner holds.
UPDATE downloads SET lease_until = :until WHERE owner = :owner;

-- :delete_download
-- Forget a download; its checkpoints, events and pieces go with it.
DELETE FROM downloads WHERE id = :id;

-- :insert_event
-- Append to a download's story.
INSERT INTO events (download, at, origin, target, cause, detail) VALUES (:id, :at, :origin, :target, :cause, :detail);

-- :last_event
-- The number of the event that was appended last.
SELECT max(seq) AS seq FROM events;

-- :story_of_download
-- The transitions of a download, oldest first.
SELECT * FROM events WHERE download = :id ORDER BY seq;

-- :events_since
-- Transitions of all downloads after a number, oldest first.
SELECT * FROM events WHERE seq > :seq ORDER BY seq LIMIT :limit;

-- :save_checkpoint
-- Replace the checkpoint of one part; the new row gets a new revision.
INSERT OR REPLACE INTO checkpoints (download, part, resource, place, done) VALUES (:id, :part, :resource, :place, :done);

-- :latest_checkpoint
-- The checkpoint that was saved last.
SELECT * FROM checkpoints WHERE download = :id ORDER BY revision DESC LIMIT 1;

-- :insert_pieces
-- Record the digests of the pieces of a new download.
INSERT INTO pieces (download, algorithm, length, digests) VALUES (:id, :algorithm, :length, :digests);

-- :pieces_of_download
-- The digests of its pieces.
SELECT * FROM pieces WHERE download = :id;

-- :downloads_with_pieces
-- Those of these ids (a JSON array) that have any.
SELECT download FROM pieces WHERE download IN (SELECT value FROM json_each(:ids));

-- :save_tally
-- What an expansion has found so far.
INSERT OR REPLACE INTO expansions (download, files, size, folders, omitted)
VALUES (:id, :files, :size, :folders, :omitted);

-- :tally_of_download
-- What an expansion has found so far.
SELECT * FROM expansions WHERE download = :id;

-- :insert_folder
-- A folder that an expansion has still to read.
INSERT OR IGNORE INTO frontiers (download, uri, path, depth) VALUES (:id, :uri, :path, :depth);

-- :delete_folder
-- A folder that an expansion has read.
DELETE FROM frontiers WHERE download = :id AND path = :path;

-- :delete_folders
-- All that an expansion had still to read.
DELETE FROM frontiers WHERE download = :id;

-- :folders_of_download
-- What an expansion has still to read, in the order in which it was found.
SELECT * FROM frontiers WHERE download = :id ORDER BY seq;

-- :delete_checkpoints
-- Forget how far a download had come.
DELETE FROM checkpoints WHERE download = :id;
