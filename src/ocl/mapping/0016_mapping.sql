-- Every version of every mapping, valid for the revisions [rev_from, rev_to) of its
-- repository. Each end is kept as it was given, an address in pieces; what stands there is
-- looked up when it is read. `..._source_id` is the source that the author could see there,
-- 0 where there was none.
CREATE TABLE mapping_version (
  repo_id bigint NOT NULL REFERENCES repo (id),
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint NOT NULL,
  mapping_id bigint NOT NULL,
  mnemonic text NOT NULL,
  rev_from bigint NOT NULL,
  rev_to bigint NOT NULL,
  map_type text NOT NULL,
  sort_weight text,
  natural_key text NOT NULL,
  from_concept_url text,
  from_source_url text NOT NULL,
  from_source_version text,
  from_concept_code text NOT NULL,
  from_concept_name text,
  from_source_id bigint NOT NULL,
  to_concept_url text,
  to_source_url text NOT NULL,
  to_source_version text,
  to_concept_code text NOT NULL,
  to_concept_name text,
  to_source_id bigint NOT NULL,
  retired boolean NOT NULL,
  external_id text,
  extras text,
  update_comment text,
  retire_reason text,
  previous_id bigint,
  created_at bigint NOT NULL,
  created_by bigint,
  version_created_at bigint NOT NULL,
  version_created_by bigint
--postgresql:  , PRIMARY KEY (repo_id, id)
);
CREATE UNIQUE INDEX mapping_mnemonic ON mapping_version (repo_id, mnemonic, rev_to);
CREATE UNIQUE INDEX mapping_natural_key ON mapping_version (repo_id, natural_key)
  WHERE rev_to = 9223372036854775807;
CREATE INDEX mapping_order ON mapping_version (repo_id, id, rev_to, rev_from, retired);
CREATE INDEX mapping_newest ON mapping_version (version_created_at, id)
  WHERE rev_to = 9223372036854775807;
CREATE INDEX mapping_to ON mapping_version (repo_id, to_concept_code, id, rev_to, rev_from);
CREATE INDEX mapping_from ON mapping_version (repo_id, from_concept_code, id, rev_to, rev_from);
-- Sources that mappings of a source have led to: whether one of them is hidden tells whether
-- its counts hold for a caller.
CREATE TABLE mapping_end (
  repo_id bigint NOT NULL,
  end_id bigint NOT NULL,
  PRIMARY KEY (repo_id, end_id)
);
CREATE INDEX mapping_end_of ON mapping_end (end_id);
-- A source by its address.
CREATE INDEX repo_address ON repo ((owner_url || 'sources/' || mnemonic || '/'))
  WHERE kind = 'source' AND is_active AND owner_is_active;
ALTER TABLE repo ADD COLUMN mappings bigint NOT NULL DEFAULT 0;
ALTER TABLE repo ADD COLUMN active_mappings bigint NOT NULL DEFAULT 0;
-- The next id of a mapping that comes without one.
ALTER TABLE repo ADD COLUMN next_mapping bigint NOT NULL DEFAULT 1;
ALTER TABLE repo_version ADD COLUMN mappings bigint NOT NULL DEFAULT 0;
ALTER TABLE repo_version ADD COLUMN active_mappings bigint NOT NULL DEFAULT 0;
