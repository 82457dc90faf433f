-- A version keeps what its source says of itself, as it was when the version was made. Versions
-- from before have it as it is now: what it was then is not known any more.
ALTER TABLE repo_version ADD COLUMN full_name text;
ALTER TABLE repo_version ADD COLUMN source_type text;
ALTER TABLE repo_version ADD COLUMN website text;
ALTER TABLE repo_version ADD COLUMN default_locale text;
ALTER TABLE repo_version ADD COLUMN supported_locales text;
ALTER TABLE repo_version ADD COLUMN custom_validation_schema text;
ALTER TABLE repo_version ADD COLUMN identifier text;
ALTER TABLE repo_version ADD COLUMN contact text;
ALTER TABLE repo_version ADD COLUMN jurisdiction text;
ALTER TABLE repo_version ADD COLUMN meta text;
ALTER TABLE repo_version ADD COLUMN publisher text;
ALTER TABLE repo_version ADD COLUMN purpose text;
ALTER TABLE repo_version ADD COLUMN copyright text;
ALTER TABLE repo_version ADD COLUMN revision_date text;
ALTER TABLE repo_version ADD COLUMN text text;
ALTER TABLE repo_version ADD COLUMN content_type text;
ALTER TABLE repo_version ADD COLUMN collection_reference text;
ALTER TABLE repo_version ADD COLUMN hierarchy_meaning text;
ALTER TABLE repo_version ADD COLUMN version_needed text;
ALTER TABLE repo_version ADD COLUMN experimental boolean;
ALTER TABLE repo_version ADD COLUMN case_sensitive boolean;
ALTER TABLE repo_version ADD COLUMN compositional boolean;
UPDATE repo_version SET supported_locales =
  (SELECT r.default_locale || ',' || coalesce(r.supported_locales, '')
   FROM repo r WHERE r.id = repo_version.repo_id);
UPDATE repo_version SET
  (full_name, source_type, website, default_locale, custom_validation_schema, identifier,
   contact, jurisdiction, meta, publisher, purpose, copyright, revision_date, text,
   content_type, collection_reference, hierarchy_meaning, version_needed, experimental,
   case_sensitive, compositional) =
  (SELECT full_name, source_type, website, default_locale, custom_validation_schema, identifier,
     contact, jurisdiction, meta, publisher, purpose, copyright, revision_date, text,
     content_type, collection_reference, hierarchy_meaning, version_needed, experimental,
     case_sensitive, compositional
   FROM repo WHERE repo.id = repo_version.repo_id);
