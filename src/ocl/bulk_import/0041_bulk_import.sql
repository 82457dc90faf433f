-- What became of the lines of imports (V612). at: the place of a line in its file, counted from 0;
-- line: the number by which people know it.
-- Lines that were taken: of a step and an outcome their numbers, between commas.
CREATE TABLE import_taken (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  step bigint NOT NULL,
  outcome text NOT NULL,
  lines text NOT NULL,
  PRIMARY KEY (task_id, step, outcome)
);
-- Each line that was refused, why, and what it says; null where that was too long to keep.
CREATE TABLE import_refused (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  at bigint NOT NULL,
  line bigint NOT NULL,
  outcome text NOT NULL,
  errors text NOT NULL,
  content text,
  PRIMARY KEY (task_id, at)
);
-- Concepts that came before one that is above them: they wait for the end of their run, and for
-- another pass where they are early still.
CREATE TABLE import_early (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  pass bigint NOT NULL,
  at bigint NOT NULL,
  line bigint NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (task_id, pass, at)
);
