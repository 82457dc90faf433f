-- CSRF tokens are kept as their hash. Sessions of before end: their token is no hash, and
-- SQL makes none.
DELETE FROM session;

-- The names of an account's tokens tell them apart. Where two are the same, all but one
-- get a piece of their hash behind it.
UPDATE token SET name = name || '-' || substr(hash, 1, 8)
  WHERE kind IN (1, 2) AND EXISTS (SELECT 1 FROM token other
    WHERE other.account_id = token.account_id AND other.kind IN (1, 2)
    AND other.name = token.name AND other.hash < token.hash);
CREATE UNIQUE INDEX token_name ON token (account_id, name) WHERE kind IN (1, 2);
