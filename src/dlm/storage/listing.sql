-- The statements that list downloads, by name. `listing.py` chooses among them.
--
-- Every page begins behind a cursor: what the last one was sorted by (`mark`), and when it was added (`before`, a `seq`).
-- Without conditions on phase or group a sorted list is a walk along its index; with them it is what the index of these
-- gives, the first of which are picked out.
--
-- LIKE matches no BLOB, which a name is that is not valid Unicode: whether that holds the text is decided afterwards.

-- :find_downloads
-- A page of downloads, newest first; a pattern is looked for in name and address.
SELECT * FROM downloads
WHERE (:before IS NULL OR seq < :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY seq DESC LIMIT :limit;

-- :find_in_phases
-- The same, of some phases only (a JSON array): the first of each phase, from its index, and the first of these.
SELECT * FROM downloads WHERE seq IN (
  SELECT found.seq FROM json_each(:phases) AS wanted CROSS JOIN downloads AS found
  WHERE found.seq IN (
    SELECT seq FROM downloads
    WHERE phase = wanted.value
      AND (:before IS NULL OR seq < :before) AND (:directory IS NULL OR directory = :directory)
      AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
    ORDER BY seq DESC LIMIT :limit
  )
) ORDER BY seq DESC LIMIT :limit;

-- :find_in_group
-- The same, of one group only, and of some phases (a JSON array) if they are given.
SELECT * FROM downloads INDEXED BY downloads_group
WHERE group_id = :group
  AND (:phases IS NULL OR phase IN (SELECT value FROM json_each(:phases)))
  AND (:before IS NULL OR seq < :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY seq DESC LIMIT :limit;

-- :find_oldest
-- A page of downloads, oldest first.
SELECT * FROM downloads
WHERE (:before IS NULL OR seq > :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY seq LIMIT :limit;

-- :by_name_up
-- A page by name.
SELECT * FROM downloads INDEXED BY downloads_name
WHERE (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY label, seq LIMIT :limit;

-- :by_name_up_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_name
WHERE (label, seq) > (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY label, seq LIMIT :limit;

-- :by_name_down
-- A page by name, from the end.
SELECT * FROM downloads INDEXED BY downloads_name
WHERE (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY label DESC, seq DESC LIMIT :limit;

-- :by_name_down_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_name
WHERE (label, seq) < (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY label DESC, seq DESC LIMIT :limit;

-- :by_size_up
-- The smallest first; what has no size yet is not among them.
SELECT * FROM downloads INDEXED BY downloads_size
WHERE size IS NOT NULL AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY size, seq LIMIT :limit;

-- :by_size_up_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_size
WHERE size IS NOT NULL AND (size, seq) > (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY size, seq LIMIT :limit;

-- :by_size_down
-- The largest first.
SELECT * FROM downloads INDEXED BY downloads_size
WHERE size IS NOT NULL AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY size DESC, seq DESC LIMIT :limit;

-- :by_size_down_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_size
WHERE size IS NOT NULL AND (size, seq) < (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY size DESC, seq DESC LIMIT :limit;

-- :by_finish_up
-- What ended first; what has not ended is not among them.
SELECT * FROM downloads INDEXED BY downloads_finish
WHERE finished IS NOT NULL AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY finished, seq LIMIT :limit;

-- :by_finish_up_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_finish
WHERE finished IS NOT NULL AND (finished, seq) > (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY finished, seq LIMIT :limit;

-- :by_finish_down
-- What ended last.
SELECT * FROM downloads INDEXED BY downloads_finish
WHERE finished IS NOT NULL AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY finished DESC, seq DESC LIMIT :limit;

-- :by_finish_down_behind
-- The same, behind the cursor.
SELECT * FROM downloads INDEXED BY downloads_finish
WHERE finished IS NOT NULL AND (finished, seq) < (:mark, :before) AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY finished DESC, seq DESC LIMIT :limit;

-- :without_size
-- What has no size yet, newest first.
SELECT * FROM downloads
WHERE size IS NULL AND (:before IS NULL OR seq < :before)
  AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY seq DESC LIMIT :limit;

-- :without_finish
-- What has not ended, newest first.
SELECT * FROM downloads
WHERE finished IS NULL AND (:before IS NULL OR seq < :before)
  AND (:directory IS NULL OR directory = :directory)
  AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
ORDER BY seq DESC LIMIT :limit;

-- :sorted_in_phases_up
-- A page of some phases only (a JSON array), sorted by any key.
SELECT * FROM (
  SELECT *, CASE :key WHEN 'name' THEN label WHEN 'size' THEN size WHEN 'finished' THEN finished ELSE seq END AS value
  FROM downloads INDEXED BY downloads_phase
  WHERE phase IN (SELECT value FROM json_each(:phases))
    AND (:directory IS NULL OR directory = :directory)
    AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
)
WHERE :before IS NULL OR (value IS NULL AND (:mark IS NOT NULL OR seq < :before)) OR (value, seq) > (:mark, :before)
ORDER BY value IS NULL, value, CASE WHEN value IS NULL THEN -seq ELSE seq END LIMIT :limit;

-- :sorted_in_phases_down
-- The other way round.
SELECT * FROM (
  SELECT *, CASE :key WHEN 'name' THEN label WHEN 'size' THEN size WHEN 'finished' THEN finished ELSE seq END AS value
  FROM downloads INDEXED BY downloads_phase
  WHERE phase IN (SELECT value FROM json_each(:phases))
    AND (:directory IS NULL OR directory = :directory)
    AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
)
WHERE :before IS NULL OR (value IS NULL AND (:mark IS NOT NULL OR seq < :before)) OR (value, seq) < (:mark, :before)
ORDER BY value IS NULL, value DESC, seq DESC LIMIT :limit;

-- :sorted_in_group_up
-- The same, of one group, and of some phases if they are given.
SELECT * FROM (
  SELECT *, CASE :key WHEN 'name' THEN label WHEN 'size' THEN size WHEN 'finished' THEN finished ELSE seq END AS value
  FROM downloads INDEXED BY downloads_group
  WHERE group_id = :group
    AND (:phases IS NULL OR phase IN (SELECT value FROM json_each(:phases)))
    AND (:directory IS NULL OR directory = :directory)
    AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
)
WHERE :before IS NULL OR (value IS NULL AND (:mark IS NOT NULL OR seq < :before)) OR (value, seq) > (:mark, :before)
ORDER BY value IS NULL, value, CASE WHEN value IS NULL THEN -seq ELSE seq END LIMIT :limit;

-- :sorted_in_group_down
-- The other way round.
SELECT * FROM (
  SELECT *, CASE :key WHEN 'name' THEN label WHEN 'size' THEN size WHEN 'finished' THEN finished ELSE seq END AS value
  FROM downloads INDEXED BY downloads_group
  WHERE group_id = :group
    AND (:phases IS NULL OR phase IN (SELECT value FROM json_each(:phases)))
    AND (:directory IS NULL OR directory = :directory)
    AND (:pattern IS NULL OR name LIKE :pattern ESCAPE '\' OR uri LIKE :pattern ESCAPE '\'
    OR typeof(name) = 'blob')
)
WHERE :before IS NULL OR (value IS NULL AND (:mark IS NOT NULL OR seq < :before)) OR (value, seq) < (:mark, :before)
ORDER BY value IS NULL, value DESC, seq DESC LIMIT :limit;
