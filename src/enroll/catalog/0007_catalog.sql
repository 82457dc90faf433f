-- The catalog that the enrollments API leans on. Lists keep their order in
-- `position`; texts are kept as they were given.
CREATE TABLE catalog_organization (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  key text NOT NULL,
  name text NOT NULL
);
CREATE UNIQUE INDEX catalog_organization_key ON catalog_organization (key);

CREATE TABLE saml_provider (
  organization_id bigint NOT NULL REFERENCES catalog_organization (id),
  position bigint NOT NULL,
  slug text NOT NULL,
  enabled boolean NOT NULL,
  PRIMARY KEY (organization_id, position)
);
CREATE INDEX saml_provider_slug ON saml_provider (slug);

-- `next_number` gives out the numbers of a program's enrolments in order, under
-- the lock of its row, so that lists only ever grow at their end.
CREATE TABLE program (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  uuid text NOT NULL,
  title text NOT NULL,
  type text NOT NULL,
  marketing_slug text NOT NULL,
  is_empty boolean NOT NULL,
  next_number bigint NOT NULL
);
CREATE UNIQUE INDEX program_uuid ON program (uuid);

CREATE TABLE program_owner (
  program_id bigint NOT NULL REFERENCES program (id),
  position bigint NOT NULL,
  organization_key text NOT NULL,
  PRIMARY KEY (program_id, position)
);
CREATE INDEX program_owner_key ON program_owner (organization_key);

CREATE TABLE curriculum (
  program_id bigint NOT NULL REFERENCES program (id),
  position bigint NOT NULL,
  uuid text NOT NULL,
  is_active boolean NOT NULL,
  PRIMARY KEY (program_id, position)
);

-- Courses of a program (curriculum -1) or of one of its curricula (its position).
CREATE TABLE program_course (
  program_id bigint NOT NULL REFERENCES program (id),
  curriculum bigint NOT NULL,
  position bigint NOT NULL,
  key text NOT NULL,
  title text NOT NULL,
  PRIMARY KEY (program_id, curriculum, position)
);

-- `parsed` is the run's key in its canonical form, null when it does not parse (N8).
CREATE TABLE program_course_run (
  program_id bigint NOT NULL REFERENCES program (id),
  curriculum bigint NOT NULL,
  course bigint NOT NULL,
  position bigint NOT NULL,
  key text NOT NULL,
  title text NOT NULL,
  parsed text,
  PRIMARY KEY (program_id, curriculum, course, position)
);
CREATE INDEX program_course_run_parsed ON program_course_run (program_id, parsed);

CREATE TABLE course_overview (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  key text NOT NULL,
  display_name text NOT NULL,
  start_at bigint,
  end_at bigint,
  enrollment_start_at bigint,
  enrollment_end_at bigint,
  capacity bigint
);
CREATE UNIQUE INDEX course_overview_key ON course_overview (key);

CREATE TABLE social_auth (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  account_id bigint NOT NULL REFERENCES account (id),
  provider text NOT NULL,
  uid text NOT NULL
);
CREATE UNIQUE INDEX social_auth_uid ON social_auth (uid, provider);
CREATE INDEX social_auth_account ON social_auth (account_id);

-- The LMS's own rows.
CREATE TABLE course_enrollment (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES account (id),
  course_key text NOT NULL,
  mode text NOT NULL,
  is_active boolean NOT NULL,
  created_at bigint NOT NULL
);
CREATE UNIQUE INDEX course_enrollment_user ON course_enrollment (user_id, course_key);
