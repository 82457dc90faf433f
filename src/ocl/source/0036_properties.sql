-- What a source declares of its concepts: properties, filters over them, ways to match terms. Each
-- is a JSON list. Versions from before have none, as their sources had.
ALTER TABLE repo ADD COLUMN properties text NOT NULL DEFAULT '[]';
ALTER TABLE repo ADD COLUMN filters text NOT NULL DEFAULT '[]';
ALTER TABLE repo ADD COLUMN match_algorithms text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN properties text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN filters text NOT NULL DEFAULT '[]';
ALTER TABLE repo_version ADD COLUMN match_algorithms text NOT NULL DEFAULT '[]';
