-- Numbers given out, never twice.
CREATE TABLE nst_counter (
  name text NOT NULL PRIMARY KEY,
  next bigint NOT NULL
);

-- Everybody who may sign in, on every face.
CREATE TABLE account (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  username text NOT NULL,
  name text,
  email text,
  company text,
  location text,
  website text,
  bio text,
  preferred_locale text,
  extras text,
  password text,
  token_serial bigint NOT NULL,
  is_staff boolean NOT NULL,
  is_superuser boolean NOT NULL,
  is_active boolean NOT NULL,
  last_login bigint,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE UNIQUE INDEX account_username ON account (username) WHERE is_active;
CREATE INDEX account_any_username ON account (username);
CREATE INDEX account_updated ON account (updated_at, id) WHERE is_active;

-- How a token is found; the token itself is nowhere.
CREATE TABLE token (
  hash text NOT NULL PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES account (id),
  kind bigint NOT NULL,
  name text,
  created_at bigint NOT NULL,
  expires_at bigint,
  last_used_at bigint
);
CREATE INDEX token_account ON token (account_id);
