-- Groups that an account is in (V212), a JSON list of names; the only one yet is graphql_api.
ALTER TABLE account ADD COLUMN auth_groups text NOT NULL DEFAULT '[]';
