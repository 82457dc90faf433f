-- How many present versions of a source say the same, for its summary: see content/tally.h. What
-- was there before is counted here, for each source as it is and for each of its versions.
ALTER TABLE repo ADD COLUMN labelled_rev bigint NOT NULL DEFAULT 0;
UPDATE repo SET labelled_rev = coalesce(
  (SELECT max(v.rev) FROM repo_version v WHERE v.repo_id = repo.id AND v.is_active), 0);
CREATE TABLE tally (
  repo_id bigint NOT NULL,
  key text NOT NULL,
  kind text NOT NULL,
  value text,
  url text,
  from_id bigint NOT NULL,
  to_id bigint NOT NULL,
  count bigint NOT NULL,
  rev_from bigint NOT NULL,
  rev_to bigint NOT NULL,
  PRIMARY KEY (repo_id, rev_to, key)
);
CREATE TABLE told_moment (repo_id bigint, rev bigint, a bigint, b bigint);
INSERT INTO told_moment SELECT DISTINCT repo_id, rev, rev, rev + 1
  FROM repo_version WHERE is_active AND rev > 0;
INSERT INTO told_moment SELECT id, rev, labelled_rev + 1, 9223372036854775807 FROM repo;
CREATE TABLE told (repo_id bigint, a bigint, b bigint, kind text, value text, url text,
  f bigint, t bigint, n bigint);
CREATE VIEW told_concept AS SELECT m.repo_id, m.a, m.b, c.id, c.concept_class, c.datatype,
    c.names, CAST(c.version_created_by AS text) AS author
  FROM told_moment m JOIN concept_version c
    ON c.repo_id = m.repo_id AND c.rev_from <= m.rev AND c.rev_to > m.rev
  WHERE NOT c.retired;
CREATE VIEW told_name AS SELECT c.repo_id, c.a, c.b, c.id,
--sqlite:     json_extract(e.value, '$.locale') AS l, json_extract(e.value, '$.name_type') AS y
--sqlite:   FROM told_concept c JOIN json_each(c.names) e
--sqlite:   WHERE coalesce(json_extract(e.value, '$.retired'), 0) = 0;
--postgresql:     e ->> 'locale' AS l, e ->> 'name_type' AS y
--postgresql:   FROM told_concept c CROSS JOIN json_array_elements(CAST(c.names AS json)) e
--postgresql:   WHERE coalesce(e ->> 'retired', 'false') <> 'true';
CREATE VIEW told_mapping AS SELECT m.repo_id, m.a, m.b, c.map_type, c.from_source_url AS fu,
    c.to_source_url AS tu, c.from_source_id AS f, c.to_source_id AS t, c.retired,
    CAST(c.version_created_by AS text) AS author
  FROM told_moment m JOIN mapping_version c
    ON c.repo_id = m.repo_id AND c.rev_from <= m.rev AND c.rev_to > m.rev;
INSERT INTO told SELECT repo_id, a, b, 'class', concept_class, NULL, 0, 0, count(*)
  FROM told_concept GROUP BY repo_id, a, b, concept_class;
INSERT INTO told SELECT repo_id, a, b, 'datatype', datatype, NULL, 0, 0, count(*)
  FROM told_concept GROUP BY repo_id, a, b, datatype;
INSERT INTO told SELECT repo_id, a, b, 'author', author, NULL, 0, 0, count(*)
  FROM told_concept WHERE author IS NOT NULL GROUP BY repo_id, a, b, author;
INSERT INTO told SELECT repo_id, a, b, 'locale', l, NULL, 0, 0, count(DISTINCT id)
  FROM told_name WHERE l <> '' GROUP BY repo_id, a, b, l;
INSERT INTO told SELECT repo_id, a, b, 'name_type', y, NULL, 0, 0, count(DISTINCT id)
  FROM told_name WHERE y <> '' GROUP BY repo_id, a, b, y;
INSERT INTO told SELECT repo_id, a, b, 'name_locale', l, NULL, 0, 0, count(*)
  FROM told_name GROUP BY repo_id, a, b, l;
INSERT INTO told SELECT repo_id, a, b, 'type_of', y, NULL, 0, 0, count(*)
  FROM told_name GROUP BY repo_id, a, b, y;
INSERT INTO told SELECT repo_id, a, b, 'map_author', author, NULL, f, t, count(*)
  FROM told_mapping WHERE author IS NOT NULL AND NOT retired GROUP BY repo_id, a, b, author, f, t;
INSERT INTO told SELECT repo_id, a, b, CASE WHEN retired THEN 'retired_from' ELSE 'from' END,
    map_type, fu, f, t, count(*)
  FROM told_mapping GROUP BY repo_id, a, b, retired, map_type, fu, f, t;
INSERT INTO told SELECT repo_id, a, b, CASE WHEN retired THEN 'retired_to' ELSE 'to' END,
    map_type, tu, f, t, count(*)
  FROM told_mapping GROUP BY repo_id, a, b, retired, map_type, tu, f, t;
INSERT INTO tally (repo_id, rev_from, rev_to, key, kind, value, url, from_id, to_id, count)
  SELECT repo_id, a, b, CAST(row_number() OVER (ORDER BY repo_id) AS text), kind, value, url, f,
    t, n FROM told;
DROP VIEW told_name;
DROP VIEW told_concept;
DROP VIEW told_mapping;
DROP TABLE told;
DROP TABLE told_moment;
