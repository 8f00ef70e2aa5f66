-- Every statement that the Queue runs, by name. The first line of each names it, the next says what it is for.
--
-- Those on the line repeat the condition of its indexes word by word, and name the index: SQLite refuses the statement
-- when the index does not serve it, so none of them can become a search through everything.

-- :some_lots
-- Hosts and groups in the line, by one step of the index to each.
WITH RECURSIVE lots (lot) AS (
  SELECT min(lot) FROM downloads INDEXED BY downloads_lots
  WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
  UNION ALL
  SELECT (
    SELECT min(lot) FROM downloads INDEXED BY downloads_lots
    WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-' AND lot > lots.lot
  ) FROM lots WHERE lots.lot IS NOT NULL
) SELECT lot FROM lots WHERE lot IS NOT NULL LIMIT :most;

-- :first_lots
-- Hosts and groups in the order in which they first stand in the line.
SELECT DISTINCT lot FROM downloads INDEXED BY downloads_line
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
ORDER BY lane, priority, position, seq LIMIT :most;

-- :first_hosts
-- Hosts in the order in which they first stand in the line.
SELECT DISTINCT host FROM downloads INDEXED BY downloads_line
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
ORDER BY lane, priority, position, seq LIMIT :most;

-- :lot_of_host
-- Some group of a host.
SELECT min(lot) AS lot FROM downloads INDEXED BY downloads_lots
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-' AND lot >= :host || ' ' AND lot < :host || '!';

-- :candidates
-- Of each host and group (a JSON array) the first so many in line, and the one that has been ready longest.
SELECT found.id, found.seq, host, lane, priority, ready, position, group_id
FROM json_each(:lots) AS lots CROSS JOIN downloads AS found
WHERE found.seq IN (
  SELECT seq FROM (
    SELECT seq FROM downloads INDEXED BY downloads_lots
    WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-' AND lot = lots.value
    ORDER BY lane, priority, position, seq LIMIT :each
  )
  UNION
  SELECT seq FROM (
    SELECT seq FROM downloads INDEXED BY downloads_lots_ready
    WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-' AND lot = lots.value
    ORDER BY ready, seq LIMIT 1
  )
);

-- :longest_ready
-- The one that has been ready longest of all.
SELECT id, seq, host, lane, priority, ready, position, group_id FROM downloads INDEXED BY downloads_ready
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
ORDER BY ready, seq LIMIT 1;

-- :due_downloads
-- What waits for a time that has come, and with `online` what waits for the network; in the order of addition.
SELECT * FROM downloads WHERE seq IN (
  SELECT seq FROM downloads INDEXED BY downloads_due WHERE phase = 'waiting' AND due <= :now
  UNION ALL
  SELECT seq FROM downloads INDEXED BY downloads_due WHERE phase = 'waiting' AND due IS NULL AND :online
) ORDER BY seq;

-- :next_due
-- When the next one that waits for a time is due.
SELECT min(due) AS due FROM downloads INDEXED BY downloads_due WHERE phase = 'waiting' AND due > :now;

-- :is_any_due
-- Whether anything is due.
SELECT EXISTS (SELECT 1 FROM downloads INDEXED BY downloads_due WHERE phase = 'waiting' AND due <= :now)
  OR :online AND EXISTS (SELECT 1 FROM downloads INDEXED BY downloads_due WHERE phase = 'waiting' AND due IS NULL) AS found;

-- :held_downloads
-- What an owner holds, in the order of addition.
SELECT * FROM downloads INDEXED BY downloads_owner WHERE owner = :owner ORDER BY seq;

-- :owners
-- Everybody who holds something.
SELECT DISTINCT owner FROM downloads INDEXED BY downloads_owner WHERE owner IS NOT NULL ORDER BY owner;

-- :ids_in_phases
-- Ids of the downloads in some phases (a JSON array), in the order of addition.
SELECT id FROM downloads WHERE phase IN (SELECT value FROM json_each(:phases)) ORDER BY seq;

-- :ids_in_group
-- Ids of the downloads of a group, and of some phases (a JSON array) if they are given, in the order of addition.
SELECT id FROM downloads INDEXED BY downloads_group
WHERE group_id = :group AND (:phases IS NULL OR phase IN (SELECT value FROM json_each(:phases)))
ORDER BY seq;

-- :standpoint
-- Where one download stands in the line, if it does.
SELECT seq, lane, priority, position FROM downloads
WHERE id = :id AND phase = 'pending' AND intent = 'run' AND output IS NOT '-';

-- :line_without
-- The first of the line, one left out.
SELECT seq, lane, priority, position FROM downloads INDEXED BY downloads_line
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-' AND seq <> :seq
ORDER BY lane, priority, position, seq LIMIT :limit;

-- :count_line
-- How many stand in the line.
SELECT count(*) AS number FROM downloads INDEXED BY downloads_line
WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-';

-- :count_ahead
-- How many stand ahead of a place in the line: in better ranks, and in the same one earlier. (In one comparison of four
-- columns the index would serve three, and all of the same rank would be read.)
SELECT (
  SELECT count(*) FROM downloads INDEXED BY downloads_line
  WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
    AND (lane, priority, position) < (:lane, :priority, :position)
) + (
  SELECT count(*) FROM downloads INDEXED BY downloads_line
  WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
    AND lane = :lane AND priority = :priority AND position = :position AND seq < :seq
) AS number;

-- :next_ahead
-- The next few ahead of a place in the line, nearest first: of the same rank, then of better ones.
SELECT id FROM (
  SELECT id FROM downloads INDEXED BY downloads_line
  WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
    AND lane = :lane AND priority = :priority AND position = :position AND seq < :seq
  ORDER BY seq DESC LIMIT :limit
)
UNION ALL
SELECT id FROM (
  SELECT id FROM downloads INDEXED BY downloads_line
  WHERE phase = 'pending' AND intent = 'run' AND output IS NOT '-'
    AND (lane, priority, position) < (:lane, :priority, :position)
  ORDER BY lane DESC, priority DESC, position DESC, seq DESC LIMIT :limit
)
LIMIT :limit;

-- :save_position
-- Give one in the line another position.
UPDATE downloads SET position = :position WHERE seq = :seq;

-- :save_standpoint
-- Put one in the line elsewhere.
UPDATE downloads SET lane = :lane, priority = :priority, position = :position WHERE seq = :seq;

-- :count_phases
-- How many downloads stand in each phase.
SELECT phase, count(*) AS number FROM downloads INDEXED BY downloads_phase GROUP BY phase;

-- :all_rates
-- The limits that were set.
SELECT host, rate FROM rates ORDER BY host;

-- :save_rate
-- Set a limit.
INSERT OR REPLACE INTO rates (host, rate) VALUES (:host, :rate);

-- :delete_rate
-- Lift a limit.
DELETE FROM rates WHERE host = :host;

-- :get_host
-- What was learned about a host.
SELECT * FROM hosts WHERE host = :host;

-- :save_host
-- Replace what is known about a host.
INSERT OR REPLACE INTO hosts (host, connections, ranges, learned, version, busy_until)
VALUES (:host, :connections, :ranges, :learned, :version, :busy_until);
