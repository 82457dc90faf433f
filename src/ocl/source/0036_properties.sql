-- What a source declares of its concepts: properties, filters over them, ways to match terms. Each
-- is a JSON list. Versions from before have none, as their sources had.
ALTER TABLE repo ADD COLUMN properties text NOT NULL DEFAULT '[]';
ALTER TABLE repo ADD COLUMN filters text NOT NULL DEFAULT '[]';
ALTER TABLE repo ADD COLUMN match_algorithms text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN properties text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN filters text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN match_algorithms text NOT NULL DEFAULT '[]';
-- Concepts by the short codes of the sources that their mappings lead to: what stands behind the
-- last slash of an address, as far as a short code can reach: an entry of an index holds less than
-- 2,700 bytes.
CREATE INDEX mapping_target ON mapping_version (
  lower(substr(rtrim(to_source_url, '/'), length(rtrim(rtrim(to_source_url, '/'),
    replace(to_source_url, '/', ''))) + 1, 256)), repo_id, from_concept_code);
-- … and by the types of their mappings.
CREATE INDEX mapping_type ON mapping_version (lower(map_type), repo_id, from_concept_code);
