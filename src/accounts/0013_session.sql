-- CSRF tokens are kept as their hash. Sessions of before end: their token is no hash, and
-- SQL makes none.
DELETE FROM session;
