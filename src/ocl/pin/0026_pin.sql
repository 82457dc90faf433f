-- What owners have put first: a source or an organisation each. One of the first two columns names
-- the owner, one of the next two what is pinned.
CREATE TABLE pin (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  org_id bigint,
  user_id bigint,
  repo_id bigint,
  pinned_org_id bigint,
  place bigint NOT NULL,
  created_at bigint NOT NULL
);
CREATE UNIQUE INDEX pin_once ON pin
  (coalesce(org_id, 0), coalesce(user_id, 0), coalesce(repo_id, 0), coalesce(pinned_org_id, 0));
CREATE INDEX pin_repo ON pin (repo_id);
CREATE INDEX pin_org ON pin (pinned_org_id);
CREATE INDEX pin_user ON pin (user_id);
