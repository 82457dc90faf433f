-- Exports of versions, and of what a source is at present (is_head: then version_id is that of
-- INITIAL). A row keeps what a version says of its source and nothing else keeps: a document made
-- later says the same. turn: counts changes that make another document of the same version.
-- stamp, file, size, digest: of the file that was made, and of what; null: none. Versions from
-- before have it as it is now: what it was then is not known any more.
CREATE TABLE repo_export (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  repo_id bigint NOT NULL REFERENCES repo (id),
  version_id bigint NOT NULL,
  is_head boolean NOT NULL,
  rev bigint NOT NULL,
  turn bigint NOT NULL,
  description text,
  retired boolean NOT NULL,
  public_access text NOT NULL,
  source_updated_at bigint NOT NULL,
  source_updated_by bigint,
  stamp text,
  file text,
  size bigint,
  digest text
);
CREATE UNIQUE INDEX repo_export_version ON repo_export (version_id, is_head);
CREATE INDEX repo_export_repo ON repo_export (repo_id);
CREATE INDEX repo_export_file ON repo_export (file) WHERE file IS NOT NULL;
-- Sources that mappings lead to and that not every reader of the export may see: what leads there
-- is left out, and stays so.
CREATE TABLE repo_export_hidden (
  export_id bigint NOT NULL,
  end_id bigint NOT NULL,
  repo_id bigint NOT NULL,
  PRIMARY KEY (export_id, end_id)
);
CREATE INDEX repo_export_hidden_repo ON repo_export_hidden (repo_id);
INSERT INTO repo_export (id, repo_id, version_id, is_head, rev, turn, description, retired,
    public_access, source_updated_at, source_updated_by)
  SELECT row_number() OVER (ORDER BY v.id), v.repo_id, v.id, FALSE, v.rev, 0, r.description,
    r.retired, r.public_access,
    r.updated_at, r.updated_by
  FROM repo_version v JOIN repo r ON r.id = v.repo_id;
INSERT INTO nst_counter (name, next)
  SELECT 'repo_export', 1 + count(*) FROM repo_export;
INSERT INTO repo_export_hidden (export_id, end_id, repo_id)
  SELECT x.id, e.end_id, x.repo_id
  FROM repo_export x JOIN repo r ON r.id = x.repo_id
    JOIN mapping_end e ON e.repo_id = x.repo_id JOIN repo far ON far.id = e.end_id
  WHERE far.public_access = 'None' AND NOT (r.public_access = 'None'
    AND r.owner_type = far.owner_type AND r.owner_id = far.owner_id)
  AND EXISTS (SELECT 1 FROM tally t WHERE t.repo_id = x.repo_id AND t.rev_from <= x.rev
    AND t.rev_to > x.rev AND t.count > 0 AND (t.from_id = e.end_id OR t.to_id = e.end_id));
