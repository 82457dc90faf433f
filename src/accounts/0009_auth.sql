-- Login sessions, found by the hash of their cookie. They go with their account.
CREATE TABLE session (
  hash text NOT NULL PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  csrftoken text NOT NULL,
  expires_at bigint NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expires ON session (expires_at);

-- Programs that exchange an id and a secret for an access token.
CREATE TABLE oauth_client (
  client_id text NOT NULL PRIMARY KEY,
  secret_hash text NOT NULL,
  account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  is_restricted boolean NOT NULL
);
CREATE INDEX oauth_client_account ON oauth_client (account_id);
