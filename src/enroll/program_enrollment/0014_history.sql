-- A row counts its changes. The first changes of all rows stand together in the history,
-- then the second ones: what one batch writes lies side by side, where it lay in a place
-- of its own for each learner.
ALTER TABLE program_enrollment ADD COLUMN changes bigint NOT NULL DEFAULT 1;
ALTER TABLE program_course_enrollment ADD COLUMN changes bigint NOT NULL DEFAULT 1;
-- Most rows have changed once, when they were made.
UPDATE program_enrollment SET changes = (SELECT max(h.change)
  FROM program_enrollment_history h WHERE h.program_id = program_enrollment.program_id
  AND h.id = program_enrollment.id)
  WHERE EXISTS (SELECT 1 FROM program_enrollment_history h
  WHERE h.program_id = program_enrollment.program_id AND h.id = program_enrollment.id
  AND h.change > 1);
UPDATE program_course_enrollment SET changes = (SELECT max(h.change)
  FROM program_course_enrollment_history h
  WHERE h.program_id = program_course_enrollment.program_id
  AND h.id = program_course_enrollment.id)
  WHERE EXISTS (SELECT 1 FROM program_course_enrollment_history h
  WHERE h.program_id = program_course_enrollment.program_id
  AND h.id = program_course_enrollment.id AND h.change > 1);

CREATE TABLE program_enrollment_log (
  program_id bigint NOT NULL,
  change bigint NOT NULL,
  id bigint NOT NULL,
  external_user_key text,
  user_id bigint,
  curriculum_uuid text NOT NULL,
  status text NOT NULL,
  kind text NOT NULL,
  reason text,
  changed_at bigint NOT NULL,
  changed_by bigint,
  PRIMARY KEY (program_id, change, id)
)
--sqlite: WITHOUT ROWID
;
INSERT INTO program_enrollment_log (program_id, change, id, external_user_key, user_id,
  curriculum_uuid, status, kind, reason, changed_at, changed_by)
  SELECT program_id, change, id, external_user_key, user_id, curriculum_uuid, status, kind,
  reason, changed_at, changed_by FROM program_enrollment_history;
DROP TABLE program_enrollment_history;
ALTER TABLE program_enrollment_log RENAME TO program_enrollment_history;
--postgresql: ALTER INDEX program_enrollment_log_pkey RENAME TO program_enrollment_history_pkey;

CREATE TABLE program_course_enrollment_log (
  program_id bigint NOT NULL,
  change bigint NOT NULL,
  id bigint NOT NULL,
  program_enrollment_id bigint NOT NULL,
  course_enrollment_id bigint,
  course_key text NOT NULL,
  status text NOT NULL,
  kind text NOT NULL,
  reason text,
  changed_at bigint NOT NULL,
  changed_by bigint,
  PRIMARY KEY (program_id, change, id)
)
--sqlite: WITHOUT ROWID
;
INSERT INTO program_course_enrollment_log (program_id, change, id, program_enrollment_id,
  course_enrollment_id, course_key, status, kind, reason, changed_at, changed_by)
  SELECT program_id, change, id, program_enrollment_id, course_enrollment_id, course_key,
  status, kind, reason, changed_at, changed_by FROM program_course_enrollment_history;
DROP TABLE program_course_enrollment_history;
ALTER TABLE program_course_enrollment_log RENAME TO program_course_enrollment_history;
--postgresql: ALTER INDEX program_course_enrollment_log_pkey
--postgresql:   RENAME TO program_course_enrollment_history_pkey;
