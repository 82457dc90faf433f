-- How clients show an organisation or a source; one of the first two columns names it.
CREATE TABLE client_config (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  org_id bigint,
  repo_id bigint,
  name text NOT NULL,
  description text,
  type text NOT NULL,
  is_default boolean NOT NULL,
  config text NOT NULL,
  is_public boolean NOT NULL,
  is_template boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE INDEX client_config_org ON client_config (org_id, id);
CREATE INDEX client_config_repo ON client_config (repo_id, id);
