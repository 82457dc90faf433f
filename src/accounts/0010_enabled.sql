-- An account that is switched off: still there, unlike a deleted one (is_active).
ALTER TABLE account ADD COLUMN is_enabled boolean NOT NULL DEFAULT TRUE;
