-- Every statement that the Repository runs, by name. The first line of each names it, the next says what it is for.

-- :insert_download
-- Record a new download.
INSERT INTO downloads (
  id, spec, uri, directory, output, added, phase, intent, name, size, downloaded, path, verified, fault, finished,
  owner, lease_until, group_id
) VALUES (
  :id, :spec, :uri, :directory, :output, :added, :phase, :intent, :name, :size, :downloaded, :path, :verified, :fault,
  :finished, :owner, :lease_until, :group_id
);

-- :save_download
-- Write everything of a download that a command may change.
UPDATE downloads SET
  phase = :phase, intent = :intent, name = :name, size = :size, downloaded = :downloaded, path = :path,
  verified = :verified, fault = :fault, finished = :finished, owner = :owner, lease_until = :lease_until
WHERE id = :id;

-- :save_spec
-- Write what the user asks for now, with the columns that repeat parts of it.
UPDATE downloads SET spec = :spec, uri = :uri, directory = :directory, output = :output WHERE id = :id;

-- :save_progress
-- Write what a checkpoint implies. Every 2 s for each running download, so it touches no index.
UPDATE downloads SET name = :name, size = :size, downloaded = :downloaded WHERE id = :id;

-- :get_download
-- One download by its id.
SELECT * FROM downloads WHERE id = :id;

-- :ids_with_prefix
-- Ids that begin with a prefix of hexadecimal digits; '~' sorts after every digit.
SELECT id FROM downloads WHERE id >= :prefix AND id < :prefix || '~' ORDER BY id LIMIT 6;

-- :seq_of_download
-- Where a download stands in the order of addition: the cursor of a listing.
SELECT seq FROM downloads WHERE id = :id;

-- :find_downloads
-- A page of downloads, newest first.
SELECT * FROM downloads
WHERE (:before IS NULL OR seq < :before) AND (:directory IS NULL OR directory = :directory)
ORDER BY seq DESC LIMIT :limit;

-- :find_downloads_in_phases
-- The same, of some phases only (a JSON array); separate, so that the index on the phase serves it.
SELECT * FROM downloads
WHERE phase IN (SELECT value FROM json_each(:phases))
  AND (:before IS NULL OR seq < :before) AND (:directory IS NULL OR directory = :directory)
ORDER BY seq DESC LIMIT :limit;

-- :same_downloads
-- Downloads of one address into one directory under one name, newest first.
SELECT * FROM downloads WHERE uri = :uri AND directory = :directory AND output IS :output ORDER BY seq DESC;

-- :renew_leases
-- Extend the lease of everything that an owner holds.
UPDATE downloads SET lease_until = :until WHERE owner = :owner;

-- :delete_download
-- Forget a download; its checkpoints and events go with it.
DELETE FROM downloads WHERE id = :id;

-- :insert_event
-- Append to a download's story.
INSERT INTO events (download, at, origin, target, cause, detail) VALUES (:id, :at, :origin, :target, :cause, :detail);

-- :story_of_download
-- The transitions of a download, oldest first.
SELECT * FROM events WHERE download = :id ORDER BY seq;

-- :save_checkpoint
-- Replace the checkpoint of one part; the new row gets a new revision.
INSERT OR REPLACE INTO checkpoints (download, part, resource, place, done) VALUES (:id, :part, :resource, :place, :done);

-- :latest_checkpoint
-- The checkpoint that was saved last.
SELECT * FROM checkpoints WHERE download = :id ORDER BY revision DESC LIMIT 1;

-- :delete_checkpoints
-- Forget how far a download had come.
DELETE FROM checkpoints WHERE download = :id;

-- :get_host
-- What was learned about a host.
SELECT * FROM hosts WHERE host = :host;

-- :save_host
-- Replace what is known about a host.
INSERT OR REPLACE INTO hosts (host, connections, ranges, learned) VALUES (:host, :connections, :ranges, :learned);
