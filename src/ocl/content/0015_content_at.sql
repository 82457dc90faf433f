-- The time of the last revision, so that times of versions never go back: what stood at a time
-- is found by halving (asOf).
ALTER TABLE repo ADD COLUMN content_at bigint NOT NULL DEFAULT 0;
UPDATE repo SET content_at = coalesce(
  (SELECT max(version_created_at) FROM concept_version WHERE repo_id = repo.id), 0);
