-- Workspaces of clients that map rows of a table to concepts: what they keep of one, JSON that they
-- read and write.
CREATE TABLE map_project (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  org_id bigint,
  user_id bigint,
  name text NOT NULL,
  description text,
  public_access text NOT NULL,
  input_file_name text,
  target_repo_url text,
  matches text,
  columns text,
  candidates text,
  analysis text,
  logs text,
  algorithms text,
  filters text,
  lookup_config text,
  score_configuration text,
  input_locales text,
  encoder_model text,
  prompt_template_key text,
  prompt_output_locale text,
  include_retired boolean NOT NULL,
  use_lexical_variants boolean NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  created_by bigint,
  updated_by bigint
);
CREATE INDEX map_project_org ON map_project (org_id, updated_at, id);
CREATE INDEX map_project_user ON map_project (user_id, updated_at, id);
