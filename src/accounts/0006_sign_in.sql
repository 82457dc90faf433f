-- One-time sign-in links: the code itself is nowhere.
CREATE TABLE sign_in (
  hash text NOT NULL PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES account (id),
  expires_at bigint NOT NULL,
  used_at bigint
);
CREATE INDEX sign_in_account ON sign_in (account_id);
