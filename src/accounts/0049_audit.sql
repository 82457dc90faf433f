-- Every administrative act: who did what to whom, when, and from where. Names are texts, so that they
-- outlive what they name. `via` is api, command line or task. before and after: JSON of what the act changed.
-- A row is written in the transaction of its act, and never again: the triggers refuse it.
CREATE TABLE audit (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  at bigint NOT NULL,
  who text NOT NULL,
  via text NOT NULL,
  address text,
  request text,
  act text NOT NULL,
  object text NOT NULL,
  before text,
  after text
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_act ON audit (act, id);
--sqlite:CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
--sqlite:CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
--postgresql:CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the audit log is never changed''; END';
--postgresql:CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();
