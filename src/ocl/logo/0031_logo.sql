-- Pictures of users, organisations and sources: one of the first three columns names whose it is.
-- The picture is kept as base64.
CREATE TABLE logo (
  user_id bigint,
  org_id bigint,
  repo_id bigint,
  media text NOT NULL,
  picture text NOT NULL
);
CREATE UNIQUE INDEX logo_user ON logo (user_id);
CREATE UNIQUE INDEX logo_org ON logo (org_id);
CREATE UNIQUE INDEX logo_repo ON logo (repo_id);
-- A source may be out of use.
ALTER TABLE repo ADD COLUMN retired boolean NOT NULL DEFAULT FALSE;
