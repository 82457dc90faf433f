-- What lists of concepts are filtered and sorted by; for `terms` see concept.h. Indexes begin
-- with what a filter compares: they serve lists of one source and of all.
ALTER TABLE concept_version ADD COLUMN terms text NOT NULL DEFAULT '';
--sqlite: UPDATE concept_version SET terms = char(31) || coalesce((
--sqlite:   SELECT group_concat(t.v, char(31)) || char(31) FROM (
--sqlite:     SELECT 'd:' || lower(json_extract(e.value, '$.description_type')) AS v
--sqlite:     FROM json_each(concept_version.descriptions) e
--sqlite:     WHERE json_extract(e.value, '$.description_type') <> ''
--sqlite:     UNION SELECT 'l:' || lower(json_extract(e.value, '$.locale'))
--sqlite:     FROM json_each(concept_version.names) e WHERE json_extract(e.value, '$.locale') <> ''
--sqlite:     UNION SELECT 'n:' || lower(json_extract(e.value, '$.name_type'))
--sqlite:     FROM json_each(concept_version.names) e WHERE json_extract(e.value, '$.name_type') <> ''
--sqlite:     ORDER BY 1) t), '');
--postgresql: UPDATE concept_version SET terms = chr(31) || coalesce((
--postgresql:   SELECT string_agg(t.v, chr(31) ORDER BY t.v COLLATE "C") || chr(31) FROM (
--postgresql:     SELECT 'd:' || lower((e ->> 'description_type') COLLATE "C") AS v
--postgresql:     FROM json_array_elements(CAST(descriptions AS json)) e
--postgresql:     WHERE e ->> 'description_type' <> ''
--postgresql:     UNION SELECT 'l:' || lower((e ->> 'locale') COLLATE "C")
--postgresql:     FROM json_array_elements(CAST(names AS json)) e WHERE e ->> 'locale' <> ''
--postgresql:     UNION SELECT 'n:' || lower((e ->> 'name_type') COLLATE "C")
--postgresql:     FROM json_array_elements(CAST(names AS json)) e WHERE e ->> 'name_type' <> '') t), '');
--postgresql: UPDATE concept_version SET terms = substr(terms, 1, 500)
--postgresql:   WHERE octet_length(terms) > 2000;
CREATE INDEX concept_class
  ON concept_version (lower(concept_class), repo_id, id, rev_to, rev_from, retired);
CREATE INDEX concept_datatype
  ON concept_version (lower(coalesce(datatype, '')), repo_id, id, rev_to, rev_from, retired);
CREATE INDEX concept_terms ON concept_version (terms, repo_id, id, rev_to, rev_from, retired);
CREATE INDEX concept_author
  ON concept_version (version_created_by, repo_id, id, rev_to, rev_from, retired);
CREATE INDEX concept_updated
  ON concept_version (repo_id, version_created_at, id, rev_to, rev_from, retired);
-- An entry of an index holds less than 2,700 bytes.
CREATE INDEX concept_name ON concept_version (repo_id,
  lower(substr(coalesce(display_name, ''), 1, 250)), mnemonic, id, rev_to, rev_from, retired);
CREATE INDEX concept_retired ON concept_version (repo_id, id, rev_to, rev_from) WHERE retired;
CREATE INDEX concept_external ON concept_version (lower(external_id), repo_id, id)
  WHERE lower(external_id) IS NOT NULL;
CREATE INDEX repo_locale
  ON repo (lower(default_locale || ',' || replace(coalesce(supported_locales, ''), ' ', '')));
-- SQLite takes every index for equally good, and walks through a source, unless it is told
-- that a source has many rows and a value of a filter few.
--sqlite: ANALYZE sqlite_schema;
--sqlite: DELETE FROM sqlite_stat1 WHERE tbl = 'concept_version';
--sqlite: INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
--sqlite:   ('concept_version', 'concept_mnemonic', '1000000 100000 2 1'),
--sqlite:   ('concept_version', 'concept_order', '1000000 100000 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_newest', '1000000 10 1'),
--sqlite:   ('concept_version', 'concept_class', '1000000 1000 100 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_datatype', '1000000 1000 100 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_terms', '1000000 1000 100 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_author', '1000000 1000 100 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_updated', '1000000 100000 10 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_name', '1000000 100000 2 1 1 1 1 1'),
--sqlite:   ('concept_version', 'concept_retired', '1000 100 1 1 1'),
--sqlite:   ('concept_version', 'concept_external', '10000 1 1 1');
