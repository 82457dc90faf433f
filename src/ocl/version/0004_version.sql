-- A release is one row: the content is what the revision `rev` holds.
CREATE TABLE repo_version (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  repo_id bigint NOT NULL REFERENCES repo (id),
  mnemonic text NOT NULL,
  rev bigint NOT NULL,
  concepts bigint NOT NULL,
  active_concepts bigint NOT NULL,
  released boolean NOT NULL,
  retired boolean NOT NULL,
  description text,
  name text,
  canonical_url text,
  external_id text,
  extras text NOT NULL,
  previous_id bigint,
  parent_id bigint,
  is_active boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE UNIQUE INDEX repo_version_mnemonic ON repo_version (repo_id, mnemonic) WHERE is_active;
CREATE INDEX repo_version_parent ON repo_version (parent_id) WHERE parent_id IS NOT NULL;
