-- Whom and what users follow. One of user_id, org_id and repo_id says what it leads to.
CREATE TABLE follow (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  follower_id bigint NOT NULL,
  user_id bigint,
  org_id bigint,
  repo_id bigint,
  created_at bigint NOT NULL
);
CREATE UNIQUE INDEX follow_once ON follow
  (follower_id, coalesce(user_id, 0), coalesce(org_id, 0), coalesce(repo_id, 0));
CREATE INDEX follow_newest ON follow (follower_id, created_at, id);
CREATE INDEX follow_user ON follow (user_id, created_at, id);
CREATE INDEX follow_org ON follow (org_id);
CREATE INDEX follow_repo ON follow (repo_id);
