-- Which concept an early line makes, and which it waits for: hashes of their addresses.
-- pass 0: what the line waits for is there; 1: it waits.
ALTER TABLE import_early ADD COLUMN makes bigint NOT NULL DEFAULT 0;
ALTER TABLE import_early ADD COLUMN awaits bigint NOT NULL DEFAULT 0;
CREATE INDEX import_early_awaits ON import_early (task_id, awaits, pass, at);
