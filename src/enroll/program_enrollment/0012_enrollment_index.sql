-- Learner and account first: no plan can take these indexes for a walk over a whole
-- program, and one index finds who waits, in every program.
DROP INDEX program_enrollment_key;
DROP INDEX program_enrollment_user;
DROP INDEX program_enrollment_waiting;
CREATE UNIQUE INDEX program_enrollment_key
  ON program_enrollment (external_user_key, program_id, curriculum_uuid);
CREATE UNIQUE INDEX program_enrollment_user
  ON program_enrollment (user_id, program_id, curriculum_uuid);
-- The primary key is the same there.
--postgresql: DROP INDEX program_enrollment_page;
