-- Handshakes that are with the node and whose answer is not written yet: after the end of the gate in that moment the
-- peer may be in the tunnel, and these say whose it is.
CREATE TABLE intents (
  session_id     BIGINT NOT NULL,
  peer_id        TEXT NOT NULL,
  account        BLOB NOT NULL,
  wallet         BLOB,
  vault          BLOB,
  card           TEXT,
  tier           TEXT NOT NULL,
  service        TEXT NOT NULL,
  handshake_hash BLOB NOT NULL,
  admitted_at    BIGINT NOT NULL,
  decision_block BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL,
  own_key        BLOB,
  PRIMARY KEY (session_id, peer_id)
) WITHOUT ROWID;
