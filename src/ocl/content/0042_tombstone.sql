-- What was erased from a source for good, a row each, with the revision that erased it. A row keeps
-- what tells it and who may be told: `..._source_id` are those of the last version's ends, where it
-- was a mapping, else 0. Of what was erased before this table nothing is known.
CREATE TABLE tombstone (
  repo_id bigint NOT NULL REFERENCES repo (id),
  rev bigint NOT NULL,
  kind text NOT NULL,
  mnemonic text NOT NULL,
  removed_at bigint NOT NULL,
  from_source_id bigint NOT NULL,
  to_source_id bigint NOT NULL,
  PRIMARY KEY (repo_id, rev)
--sqlite: ) WITHOUT ROWID;
--postgresql: );
-- Times of a source grow with its revisions.
CREATE INDEX tombstone_removed ON tombstone (repo_id, removed_at, rev);
