-- What happened: whose it is, whose doing it was, and of what: one of user_id, org_id and repo_id, or
-- none; version_id is a version of the source. of_org_id: the organisation that it is of or that owns
-- the source.
CREATE TABLE event (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  event_type text NOT NULL,
  object_id bigint NOT NULL,
  actor_id bigint NOT NULL,
  user_id bigint,
  org_id bigint,
  repo_id bigint,
  version_id bigint,
  of_org_id bigint,
  created_at bigint NOT NULL
);
CREATE INDEX event_object ON event (object_id, id);
CREATE INDEX event_actor ON event (actor_id);
CREATE INDEX event_user ON event (user_id);
CREATE INDEX event_of_org ON event (of_org_id, id);
CREATE INDEX event_repo ON event (repo_id, id);
CREATE INDEX event_news ON event (id) WHERE event_type = 'Created' OR event_type = 'Released';
