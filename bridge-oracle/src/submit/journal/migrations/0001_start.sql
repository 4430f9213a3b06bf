-- Times are seconds since 1970 UTC.

-- What was signed, before it is sent. Open ones all have the same sequence, so that one of them at most can
-- have an effect; `bytes` is emptied when that is settled.
CREATE TABLE transactions (
  id             INTEGER PRIMARY KEY NOT NULL,
  hash           BLOB NOT NULL UNIQUE,
  round          BIGINT NOT NULL,
  sequence       BIGINT NOT NULL,
  timeout_height BIGINT NOT NULL,
  bytes          BLOB NOT NULL,
  actions        TEXT NOT NULL,
  fee            TEXT NOT NULL,
  signed_at      BIGINT NOT NULL,
  state          TEXT NOT NULL,
  settled_at     BIGINT,
  height         BIGINT,
  gas_used       BIGINT,
  gas_wanted     BIGINT,
  log            TEXT
);

CREATE INDEX transactions_open ON transactions (id) WHERE state = 'open';
CREATE INDEX transactions_settled ON transactions (settled_at) WHERE settled_at IS NOT NULL;
