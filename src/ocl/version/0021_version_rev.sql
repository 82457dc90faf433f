-- The newest version that holds a row of content is looked up for every row of a list.
CREATE INDEX repo_version_rev ON repo_version (repo_id, rev, id) WHERE is_active;
