-- Why a peer was taken out of the tunnel, and by which key's own address an account may come back.
ALTER TABLE sessions ADD COLUMN cause TEXT;
ALTER TABLE sessions ADD COLUMN own_key BLOB;

-- What the operator did, and why.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY NOT NULL,
  at      BIGINT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  reason  TEXT NOT NULL
);
