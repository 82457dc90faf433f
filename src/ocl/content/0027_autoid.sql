-- Ids that a source gives to content that comes without: how, from where, and the next number.
ALTER TABLE repo ADD COLUMN autoid_concept_mnemonic text;
ALTER TABLE repo ADD COLUMN autoid_concept_external_id text;
ALTER TABLE repo ADD COLUMN autoid_concept_name_external_id text;
ALTER TABLE repo ADD COLUMN autoid_concept_description_external_id text;
ALTER TABLE repo ADD COLUMN autoid_mapping_mnemonic text;
ALTER TABLE repo ADD COLUMN autoid_mapping_external_id text;
ALTER TABLE repo ADD COLUMN autoid_concept_mnemonic_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN autoid_concept_external_id_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN autoid_mapping_mnemonic_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN autoid_mapping_external_id_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN next_concept bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN next_concept_external bigint NOT NULL DEFAULT 1;
ALTER TABLE repo ADD COLUMN next_mapping_external bigint NOT NULL DEFAULT 1;
UPDATE repo SET autoid_mapping_mnemonic = 'sequential';
ALTER TABLE repo_version ADD COLUMN autoid_concept_mnemonic text;
ALTER TABLE repo_version ADD COLUMN autoid_concept_external_id text;
ALTER TABLE repo_version ADD COLUMN autoid_concept_name_external_id text;
ALTER TABLE repo_version ADD COLUMN autoid_concept_description_external_id text;
ALTER TABLE repo_version ADD COLUMN autoid_mapping_mnemonic text;
ALTER TABLE repo_version ADD COLUMN autoid_mapping_external_id text;
ALTER TABLE repo_version ADD COLUMN autoid_concept_mnemonic_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo_version ADD COLUMN autoid_concept_external_id_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo_version ADD COLUMN autoid_mapping_mnemonic_start_from bigint NOT NULL DEFAULT 1;
ALTER TABLE repo_version ADD COLUMN autoid_mapping_external_id_start_from bigint NOT NULL DEFAULT 1;
UPDATE repo_version SET autoid_mapping_mnemonic = 'sequential';
CREATE INDEX mapping_external ON mapping_version (lower(external_id), repo_id, id)
  WHERE lower(external_id) IS NOT NULL;
