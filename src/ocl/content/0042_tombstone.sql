-- What was erased from a source for good, a row each, with a number among those of its rows and the
-- revision that erased it. A row keeps what tells it, who may be told (`..._source_id` are those of
-- the last version's ends, where it was a mapping, else 0), and the revision that it came with. Of
-- what was erased before this table nothing is known.
CREATE TABLE tombstone (
  repo_id bigint NOT NULL REFERENCES repo (id),
  id bigint NOT NULL,
  kind text NOT NULL,
  mnemonic text NOT NULL,
  made_rev bigint NOT NULL,
  rev bigint NOT NULL,
  removed_at bigint NOT NULL,
  from_source_id bigint NOT NULL,
  to_source_id bigint NOT NULL,
  PRIMARY KEY (repo_id, id)
--sqlite: ) WITHOUT ROWID;
--postgresql: );
-- Numbers, revisions and times of a source grow together.
CREATE INDEX tombstone_removed ON tombstone (repo_id, removed_at, id);
CREATE UNIQUE INDEX tombstone_rev ON tombstone (repo_id, rev);
