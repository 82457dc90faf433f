-- What imports did, so that it can be taken back. Rows go with the task of the import.
-- Runs of revisions [rev_from, rev_to) that it made in a source; is_undo: that taking it back made.
CREATE TABLE import_run (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  repo_id bigint NOT NULL,
  rev_from bigint NOT NULL,
  rev_to bigint NOT NULL,
  is_undo boolean NOT NULL,
  PRIMARY KEY (task_id, repo_id, rev_from)
);
-- Organisations, sources and versions of sources that it created or deleted (did), in their order.
-- type: as in its lines; row_id: in their table.
CREATE TABLE import_made (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  at bigint NOT NULL,
  type text NOT NULL,
  row_id bigint NOT NULL,
  did text NOT NULL,
  PRIMARY KEY (task_id, at)
);
-- Tasks that take an import back.
CREATE TABLE import_undo (
  task_id bigint PRIMARY KEY REFERENCES task (id) ON DELETE CASCADE,
  import_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE
);
CREATE INDEX import_undo_of ON import_undo (import_id);
-- What such a task has left. kind: of which table the version `row_id` of the source `repo_id` is,
-- that could not be taken back yet, and is tried again in that pass; pass 0: it is not tried again.
-- entry: a JSON object for whoever asked.
CREATE TABLE import_left (
  task_id bigint NOT NULL REFERENCES task (id) ON DELETE CASCADE,
  url text NOT NULL,
  at bigint NOT NULL,
  pass bigint NOT NULL,
  kind bigint NOT NULL,
  repo_id bigint NOT NULL,
  row_id bigint NOT NULL,
  entry text NOT NULL,
  PRIMARY KEY (task_id, url)
);
CREATE INDEX import_left_order ON import_left (task_id, pass, at);
