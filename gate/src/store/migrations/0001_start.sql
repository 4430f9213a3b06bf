-- Times are seconds since 1970 UTC.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- Clustered by time: inserts append, and the purge cuts one range.
CREATE TABLE used_nonces (
  issued_at BIGINT NOT NULL,
  nonce     BLOB NOT NULL,
  PRIMARY KEY (issued_at, nonce)
) WITHOUT ROWID;

-- No secondary index on purpose: the one writer keeps the view of who bound what, and an index in
-- random order would triple the cost of a sign-in.
CREATE TABLE bindings (
  id           INTEGER PRIMARY KEY NOT NULL,
  account      BLOB NOT NULL,
  wallet       BLOB NOT NULL,
  vault        BLOB,
  token_hash   BLOB NOT NULL,
  source       TEXT NOT NULL,
  issued_at    BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  message      TEXT NOT NULL,
  signature    BLOB NOT NULL
);

-- A session id of the hub is an unsigned 64-bit number, kept as the signed one of the same bits.
CREATE TABLE sessions (
  session_id     BIGINT PRIMARY KEY NOT NULL,
  account        BLOB NOT NULL,
  wallet         BLOB,
  vault          BLOB,
  card           TEXT,
  tier           TEXT NOT NULL,
  service        TEXT NOT NULL,
  peer_id        TEXT NOT NULL,
  addresses      TEXT NOT NULL,
  handshake_hash BLOB NOT NULL,
  answer         BLOB NOT NULL,
  admitted_at    BIGINT NOT NULL,
  decision_block BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL,
  state          TEXT NOT NULL,
  ended_at       BIGINT
);

CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
