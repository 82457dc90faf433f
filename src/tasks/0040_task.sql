-- Long work (V270). What is over keeps its row for a while. Times are microseconds.
-- key: what it is called, UUID-USER~QUEUE. once: no two that are unfinished have the same; null when it is over. host: the only server that
-- can run it; null: any. lease: of the worker that runs it, until lease_until. attempts: how often
-- one began with it since it last got on.
CREATE TABLE task (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  uuid text NOT NULL,
  key text NOT NULL,
  user_id bigint REFERENCES account (id) ON DELETE CASCADE,
  username text NOT NULL,
  name text NOT NULL,
  queue text NOT NULL,
  state text NOT NULL,
  kwargs text NOT NULL,
  once text,
  host text,
  place text,
  done bigint NOT NULL,
  total bigint NOT NULL,
  message text,
  summary text,
  result text,
  report text,
  error text,
  lease text,
  lease_until bigint NOT NULL,
  attempts bigint NOT NULL,
  created_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX task_uuid ON task (uuid);
CREATE UNIQUE INDEX task_key ON task (key);
CREATE UNIQUE INDEX task_once ON task (once);
CREATE INDEX task_user ON task (user_id, id);
CREATE INDEX task_unfinished ON task (id) WHERE state = 'PENDING' OR state = 'STARTED';
CREATE INDEX task_finished ON task (finished_at);
