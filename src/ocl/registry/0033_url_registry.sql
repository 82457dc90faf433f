-- Where the repository of a canonical address is looked for: in the registry of an organisation, of
-- a user, or of all (neither column).
CREATE TABLE url_registry (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  org_id bigint,
  user_id bigint,
  url text NOT NULL,
  name text,
  namespace text,
  extras text NOT NULL,
  is_active boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE UNIQUE INDEX url_registry_in_org ON url_registry (org_id, url)
  WHERE is_active AND org_id IS NOT NULL;
CREATE UNIQUE INDEX url_registry_in_user ON url_registry (user_id, url)
  WHERE is_active AND user_id IS NOT NULL;
CREATE UNIQUE INDEX url_registry_of_all ON url_registry (url)
  WHERE is_active AND org_id IS NULL AND user_id IS NULL;
CREATE INDEX url_registry_org ON url_registry (org_id, updated_at, id);
CREATE INDEX url_registry_user ON url_registry (user_id, updated_at, id);
CREATE INDEX url_registry_namespace ON url_registry (namespace);
-- An entry of an index holds less than 2,700 bytes.
CREATE INDEX repo_canonical ON repo (owner_url, substr(canonical_url, 1, 250));
