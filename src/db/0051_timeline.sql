-- Where the primary's log runs: one row, written by a server that reads from replicas when it starts
-- or meets another timeline. A replica is one of this primary when it has the row.
CREATE TABLE nst_timeline (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  timeline text NOT NULL,
  mark text NOT NULL
);
