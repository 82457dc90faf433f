-- Whether the service is in maintenance (G168): one row while it is, none otherwise. Microseconds.
CREATE TABLE maintenance (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  since bigint NOT NULL,
  who text NOT NULL,
  reason text
);
