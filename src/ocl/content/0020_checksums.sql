-- Each version has its checksums; those of before get them when the program starts.
ALTER TABLE concept_version ADD COLUMN standard_checksum text;
ALTER TABLE concept_version ADD COLUMN smart_checksum text;
ALTER TABLE mapping_version ADD COLUMN standard_checksum text;
ALTER TABLE mapping_version ADD COLUMN smart_checksum text;
-- Where the key begins with the source, a version is found by its number alone, too.
--postgresql: CREATE INDEX concept_number ON concept_version (id);
--postgresql: CREATE INDEX mapping_number ON mapping_version (id);
CREATE INDEX concept_without_checksum ON concept_version (id) WHERE standard_checksum IS NULL;
CREATE INDEX mapping_without_checksum ON mapping_version (id) WHERE standard_checksum IS NULL;
