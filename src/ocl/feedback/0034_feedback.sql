-- What callers had to say, until somebody has read it; user_id is null where nobody is known.
CREATE TABLE feedback (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  user_id bigint,
  name text,
  email text,
  description text,
  url text,
  created_at bigint NOT NULL
);
CREATE INDEX feedback_user ON feedback (user_id, id);
