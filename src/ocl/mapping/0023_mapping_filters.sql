-- What lists of mappings are filtered by, as those of concepts.
CREATE INDEX mapping_author
  ON mapping_version (version_created_by, repo_id, id, rev_to, rev_from, retired);
CREATE INDEX mapping_updated
  ON mapping_version (repo_id, version_created_at, id, rev_to, rev_from, retired);
