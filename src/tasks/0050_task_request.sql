-- Of the request that asked for the task: its id in the log. Null: no request did.
ALTER TABLE task ADD COLUMN request text;
