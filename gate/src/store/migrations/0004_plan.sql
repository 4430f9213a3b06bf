-- The plan that a session is of: plans may have device limits of their own. NULL: none, or it was never asked.
ALTER TABLE sessions ADD COLUMN plan BIGINT;
ALTER TABLE intents ADD COLUMN plan BIGINT;
