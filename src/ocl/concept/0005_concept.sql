-- Every version of every concept, valid for the revisions [rev_from, rev_to) of
-- its repository. The present one has the largest rev_to there is.
CREATE TABLE concept_version (
  repo_id bigint NOT NULL REFERENCES repo (id),
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint NOT NULL,
  concept_id bigint NOT NULL,
  mnemonic text NOT NULL,
  rev_from bigint NOT NULL,
  rev_to bigint NOT NULL,
  concept_class text NOT NULL,
  datatype text,
  retired boolean NOT NULL,
  names text NOT NULL,
  descriptions text,
  display_name text,
  display_locale text,
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
CREATE UNIQUE INDEX concept_mnemonic ON concept_version (repo_id, mnemonic, rev_to);
-- Pages of a source or of a release are read from its end; rows that a page skips
-- are judged in the index.
CREATE INDEX concept_order ON concept_version (repo_id, id, rev_to, rev_from, retired);
CREATE INDEX concept_newest ON concept_version (version_created_at, id)
  WHERE rev_to = 9223372036854775807;
