-- Private sources that were erased for good and that mappings lead to. Of such a source nothing is
-- kept but whom it was hidden from: what leads there stays hidden from them.
CREATE TABLE ended_repo (
--sqlite:  id INTEGER PRIMARY KEY,
--postgresql:  id bigint PRIMARY KEY,
  public_access text NOT NULL,
  owner_type text NOT NULL,
  owner_id bigint NOT NULL
);
-- What an end of a mapping may lead to.
CREATE VIEW known_repo AS
  SELECT id, public_access, owner_type, owner_id FROM repo
  UNION ALL SELECT id, public_access, owner_type, owner_id FROM ended_repo;
