-- A row that would break the second key, when an account is attached later, stays
-- as it is; nulls are apart on both engines.
CREATE TABLE program_enrollment (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint NOT NULL,
  program_id bigint NOT NULL REFERENCES program (id),
  program_uuid text NOT NULL,
  external_user_key text,
  user_id bigint,
  curriculum_uuid text NOT NULL,
  status text NOT NULL,
  created_at bigint NOT NULL,
  modified_at bigint NOT NULL
--postgresql:  , PRIMARY KEY (program_id, id)
);
CREATE UNIQUE INDEX program_enrollment_key
  ON program_enrollment (program_id, external_user_key, curriculum_uuid);
CREATE UNIQUE INDEX program_enrollment_user
  ON program_enrollment (program_id, user_id, curriculum_uuid);
CREATE INDEX program_enrollment_page ON program_enrollment (program_id, id);
CREATE INDEX program_enrollment_waiting ON program_enrollment (external_user_key);

CREATE TABLE program_course_enrollment (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint NOT NULL,
  program_id bigint NOT NULL REFERENCES program (id),
  program_enrollment_id bigint NOT NULL,
  course_enrollment_id bigint,
  course_key text NOT NULL,
  status text NOT NULL,
  created_at bigint NOT NULL,
  modified_at bigint NOT NULL
--postgresql:  , PRIMARY KEY (program_id, id)
);
CREATE UNIQUE INDEX program_course_enrollment_key
  ON program_course_enrollment (program_id, program_enrollment_id, course_key);
CREATE INDEX program_course_enrollment_page
  ON program_course_enrollment (program_id, course_key, id);

-- One row for each row written, in its transaction: what it is now, who, when.
CREATE TABLE program_enrollment_history (
  program_id bigint NOT NULL,
  id bigint NOT NULL,
  change bigint NOT NULL,
  external_user_key text,
  user_id bigint,
  curriculum_uuid text NOT NULL,
  status text NOT NULL,
  kind text NOT NULL,
  reason text,
  changed_at bigint NOT NULL,
  changed_by bigint,
  PRIMARY KEY (program_id, id, change)
);

CREATE TABLE program_course_enrollment_history (
  program_id bigint NOT NULL,
  id bigint NOT NULL,
  change bigint NOT NULL,
  program_enrollment_id bigint NOT NULL,
  course_enrollment_id bigint,
  course_key text NOT NULL,
  status text NOT NULL,
  kind text NOT NULL,
  reason text,
  changed_at bigint NOT NULL,
  changed_by bigint,
  PRIMARY KEY (program_id, id, change)
);
