-- Given and family name (V210). The name in full stays beside them: it is what lists are
-- sorted by, and who gives it alone has no family name.
ALTER TABLE account ADD COLUMN first_name text NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN last_name text NOT NULL DEFAULT '';
UPDATE account SET first_name = name WHERE name IS NOT NULL;

-- Who has this address already (V211)?
CREATE INDEX account_email ON account (lower(email)) WHERE is_active;
