-- Copies of sources elsewhere, a row each; one whose source is null finds the sources of an owner and
-- has a row below it for each of them. remote: the address there; owner_url, source, repo_id: what it
-- is here (0: not yet). host: the server that has its files, among them its token.
-- phase: what the present round does next. held_...: the release that is here, and the tag of what
-- the remote said of it; new_...: the one on its way, and how many of its lines are here. since: what is
-- fetched of it is what differs from that release; null: all of it.
CREATE TABLE subscription (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  parent_id bigint,
  host text NOT NULL,
  remote text NOT NULL,
  owner_url text NOT NULL,
  source text,
  repo_id bigint NOT NULL,
  user_id bigint NOT NULL,
  every bigint NOT NULL,
  phase text NOT NULL,
  state text NOT NULL,
  problem text,
  failures bigint NOT NULL,
  due_at bigint NOT NULL,
  last_tried bigint,
  last_success bigint,
  held_version text,
  held_time bigint,
  held_tag text,
  new_version text,
  new_time bigint,
  new_tag text,
  since text,
  file_tag text,
  digest text,
  size bigint NOT NULL,
  loaded bigint NOT NULL,
  created_at bigint NOT NULL
);
CREATE UNIQUE INDEX subscription_remote ON subscription (remote, owner_url);
CREATE UNIQUE INDEX subscription_source ON subscription (owner_url, source);
CREATE INDEX subscription_repo ON subscription (repo_id);
CREATE INDEX subscription_parent ON subscription (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX subscription_due ON subscription (due_at);
-- Where a source is a copy of: it is written by its subscription alone.
ALTER TABLE repo ADD COLUMN copied_from text;
