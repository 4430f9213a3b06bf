-- The rest of the basis that a session rests on (docs/rights.md), and when its peer was taken out of the tunnel.
ALTER TABLE sessions ADD COLUMN via TEXT;
ALTER TABLE sessions ADD COLUMN collection BLOB;
ALTER TABLE sessions ADD COLUMN evicted_at BIGINT;
-- It came back after a device limit or a lockdown: only sign-ins after this time entitle it.
ALTER TABLE sessions ADD COLUMN signed_in_after BIGINT;
-- The holder for which it was admitted.
ALTER TABLE sessions ADD COLUMN slot_holder BLOB;
UPDATE sessions SET slot_holder = coalesce(vault, wallet);
-- Not before it was admitted: a sign-in that is newer counts as fresh.
UPDATE sessions SET evicted_at = admitted_at WHERE state = 'evicted';
ALTER TABLE intents ADD COLUMN via TEXT;
ALTER TABLE intents ADD COLUMN collection BLOB;

-- The addresses that held the cards of the wallet at sign-in, one after the other, at most five; NULL: the wallet alone.
ALTER TABLE bindings ADD COLUMN holders BLOB;
