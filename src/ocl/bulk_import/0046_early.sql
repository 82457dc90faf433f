-- Which concept an early line makes, and which it waits for: hashes of their addresses.
-- pass 0: what the line waits for is there; 1: it waits. given: what comes back if it is refused; null:
-- its content.
ALTER TABLE import_early ADD COLUMN makes bigint NOT NULL DEFAULT 0;
ALTER TABLE import_early ADD COLUMN awaits bigint NOT NULL DEFAULT 0;
ALTER TABLE import_early ADD COLUMN given text;
CREATE INDEX import_early_awaits ON import_early (task_id, awaits, pass, at);
