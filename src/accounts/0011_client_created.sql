-- Documents list clients in the order in which they were made.
ALTER TABLE oauth_client ADD COLUMN created_at bigint NOT NULL DEFAULT 0;
