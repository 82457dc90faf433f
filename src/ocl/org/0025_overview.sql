-- What the page of an organisation is made of: a free JSON object.
ALTER TABLE org ADD COLUMN overview text NOT NULL DEFAULT '{}';
