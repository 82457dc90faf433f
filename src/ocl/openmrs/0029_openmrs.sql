-- Names of the present concepts, not retired, of sources that are held against the rules of
-- OpenMRS, and of the vocabularies that those go by: what is unique in a source, and what is a
-- value, is looked up here.
CREATE TABLE present_name (
  repo_id bigint NOT NULL,
  mnemonic text NOT NULL,
  locale text NOT NULL,
  name text NOT NULL,
  is_full boolean NOT NULL,
  is_preferred boolean NOT NULL
);
-- An entry of an index holds less than 2,700 bytes.
CREATE INDEX present_name_text ON present_name (repo_id, substr(name, 1, 250));
CREATE INDEX present_name_concept ON present_name (repo_id, mnemonic);
--sqlite: INSERT INTO present_name (repo_id, mnemonic, locale, name, is_full, is_preferred)
--sqlite:   SELECT c.repo_id, c.mnemonic, json_extract(e.value, '$.locale'),
--sqlite:     json_extract(e.value, '$.name'),
--sqlite:     replace(replace(replace(lower(coalesce(json_extract(e.value, '$.name_type'), '')),
--sqlite:       ' ', ''), '_', ''), '-', '') = 'fullyspecified',
--sqlite:     coalesce(json_extract(e.value, '$.locale_preferred'), 0)
--sqlite:   FROM repo r JOIN concept_version c ON c.repo_id = r.id, json_each(c.names) e
--sqlite:   WHERE (r.custom_validation_schema = 'OpenMRS' OR (r.owner_type = 'Organization'
--sqlite:     AND r.owner = 'OCL' AND r.mnemonic IN ('Classes', 'Datatypes', 'NameTypes',
--sqlite:     'DescriptionTypes', 'Locales', 'MapTypes')))
--sqlite:   AND c.rev_to = 9223372036854775807 AND NOT c.retired
--sqlite:   AND NOT coalesce(json_extract(e.value, '$.retired'), 0);
--postgresql: INSERT INTO present_name (repo_id, mnemonic, locale, name, is_full, is_preferred)
--postgresql:   SELECT c.repo_id, c.mnemonic, e ->> 'locale', e ->> 'name',
--postgresql:     replace(replace(replace(lower(coalesce(e ->> 'name_type', '')),
--postgresql:       ' ', ''), '_', ''), '-', '') = 'fullyspecified',
--postgresql:     coalesce(CAST(e ->> 'locale_preferred' AS boolean), FALSE)
--postgresql:   FROM repo r JOIN concept_version c ON c.repo_id = r.id,
--postgresql:     json_array_elements(CAST(c.names AS json)) e
--postgresql:   WHERE (r.custom_validation_schema = 'OpenMRS' OR (r.owner_type = 'Organization'
--postgresql:     AND r.owner = 'OCL' AND r.mnemonic IN ('Classes', 'Datatypes', 'NameTypes',
--postgresql:     'DescriptionTypes', 'Locales', 'MapTypes')))
--postgresql:   AND c.rev_to = 9223372036854775807 AND NOT c.retired
--postgresql:   AND NOT coalesce(CAST(e ->> 'retired' AS boolean), FALSE);
-- One row once the vocabularies have been made: who takes them away is not given them again.
CREATE TABLE vocabularies_made (id bigint PRIMARY KEY);
