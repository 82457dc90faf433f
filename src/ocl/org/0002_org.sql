CREATE TABLE org (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  mnemonic text NOT NULL,
  name text NOT NULL,
  company text,
  website text,
  location text,
  public_access text NOT NULL,
  description text,
  text text,
  extras text NOT NULL,
  is_active boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE UNIQUE INDEX org_mnemonic ON org (mnemonic) WHERE is_active;
CREATE INDEX org_any_mnemonic ON org (mnemonic);
CREATE INDEX org_updated ON org (updated_at, id) WHERE is_active;

-- One relation seen from both sides (G107).
CREATE TABLE member (
  org_id bigint NOT NULL REFERENCES org (id),
  user_id bigint NOT NULL REFERENCES account (id),
  created_at bigint NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX member_user ON member (user_id);
