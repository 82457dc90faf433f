-- What belongs to accounts, organisations and sources refers to them. On PostgreSQL a row could be
-- written for one that was erased meanwhile: such rows go, and foreign keys let none come again.
-- SQLite has one writer, who sees what is there; it can add no foreign key to a table.
DELETE FROM event WHERE actor_id NOT IN (SELECT id FROM account);
DELETE FROM event WHERE object_id NOT IN (SELECT id FROM account);
DELETE FROM event WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM event WHERE of_org_id NOT IN (SELECT id FROM org);
DELETE FROM event WHERE repo_id NOT IN (SELECT id FROM repo);
DELETE FROM feedback WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM follow WHERE follower_id NOT IN (SELECT id FROM account);
DELETE FROM follow WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM follow WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM follow WHERE repo_id NOT IN (SELECT id FROM repo);
DELETE FROM pin WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM pin WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM pin WHERE pinned_org_id NOT IN (SELECT id FROM org);
DELETE FROM pin WHERE repo_id NOT IN (SELECT id FROM repo);
DELETE FROM logo WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM logo WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM logo WHERE repo_id NOT IN (SELECT id FROM repo);
DELETE FROM map_project WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM map_project WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM url_registry WHERE user_id NOT IN (SELECT id FROM account);
DELETE FROM url_registry WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM client_config WHERE org_id NOT IN (SELECT id FROM org);
DELETE FROM client_config WHERE repo_id NOT IN (SELECT id FROM repo);
--postgresql: ALTER TABLE event
--postgresql:   ADD FOREIGN KEY (actor_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (object_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (of_org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (repo_id) REFERENCES repo (id);
--postgresql: ALTER TABLE feedback
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id);
--postgresql: ALTER TABLE follow
--postgresql:   ADD FOREIGN KEY (follower_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (repo_id) REFERENCES repo (id);
--postgresql: ALTER TABLE pin
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (pinned_org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (repo_id) REFERENCES repo (id);
--postgresql: ALTER TABLE logo
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (repo_id) REFERENCES repo (id);
--postgresql: ALTER TABLE map_project
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id);
--postgresql: ALTER TABLE url_registry
--postgresql:   ADD FOREIGN KEY (user_id) REFERENCES account (id),
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id);
--postgresql: ALTER TABLE client_config
--postgresql:   ADD FOREIGN KEY (org_id) REFERENCES org (id),
--postgresql:   ADD FOREIGN KEY (repo_id) REFERENCES repo (id);
-- Namespaces of registries end with a slash, as the addresses of owners do.
UPDATE url_registry SET namespace = namespace || '/'
  WHERE namespace LIKE '/%' AND namespace NOT LIKE '%/';
