-- Which concept is above which, by their codes, for the revisions [rev_from, rev_to) of the
-- source. A version of a concept keeps the codes of its parents besides, a line each: they are
-- shown without a look here, and tell the topmost concepts.
CREATE TABLE concept_parent (
  repo_id bigint NOT NULL,
  parent text NOT NULL,
  child text NOT NULL,
  rev_from bigint NOT NULL,
  rev_to bigint NOT NULL,
  PRIMARY KEY (repo_id, parent, child, rev_from)
--sqlite: ) WITHOUT ROWID;
--postgresql: );
CREATE INDEX concept_parent_of ON concept_parent (repo_id, child, parent, rev_to, rev_from);
ALTER TABLE concept_version ADD COLUMN parents text;
CREATE INDEX concept_topmost ON concept_version (repo_id, mnemonic, rev_to, rev_from)
  WHERE parents IS NULL;
--sqlite: INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
--sqlite:   ('concept_version', 'concept_topmost', '1000000 100000 2 1 1'),
--sqlite:   ('concept_parent', 'concept_parent', '1000000 100000 10 1 1'),
--sqlite:   ('concept_parent', 'concept_parent_of', '1000000 100000 2 1 1 1');
-- How many concepts have parents, with each revision as the other counts; the topmost concept
-- that a source names, by its code.
ALTER TABLE repo ADD COLUMN child_concepts bigint NOT NULL DEFAULT 0;
ALTER TABLE repo ADD COLUMN hierarchy_root text;
ALTER TABLE repo_version ADD COLUMN child_concepts bigint NOT NULL DEFAULT 0;
ALTER TABLE repo_version ADD COLUMN hierarchy_root text;
