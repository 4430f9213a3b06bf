// Package store keeps the node's sessions in SQLite, in the table that the stock node keeps: file
// name, columns and unique indexes are what the gate reads from a node's home.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"
)

// ErrDuplicate says that the id, the peer or the raw peer request is there already.
var ErrDuplicate = errors.New("duplicated key not allowed")

const schema = `
CREATE TABLE IF NOT EXISTS sessions (
	created_at   datetime,
	updated_at   datetime,
	node_addr    text    NOT NULL,
	service_type text    NOT NULL,
	acc_addr     text    NOT NULL,
	id           integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	max_bytes    text    NOT NULL,
	max_duration integer NOT NULL,
	peer_id       text   NOT NULL,
	peer_metadata text   NOT NULL,
	peer_request  text   NOT NULL,
	duration     integer NOT NULL,
	rx_bytes     text    NOT NULL,
	signature    text    NOT NULL,
	tx_bytes     text    NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_sessions_peer_request ON sessions (peer_request);
CREATE UNIQUE INDEX IF NOT EXISTS idx_sessions_peer_id ON sessions (peer_id);
CREATE INDEX IF NOT EXISTS idx_node_addr ON sessions (node_addr);`

const columns = `created_at, updated_at, node_addr, service_type, acc_addr, id, max_bytes, max_duration,
	peer_id, peer_metadata, peer_request, duration, rx_bytes, signature, tx_bytes`

// Store is the open database.
type Store struct{ db *sql.DB }

// Open opens the file, making file and table where needed.
func Open(file string) (*Store, error) {
	db, err := sql.Open("sqlite3", file+"?_busy_timeout=5000&_journal_mode=WAL")
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", file, err)
	}

	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing %q: %w", file, err), db.Close())
	}

	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// HasID says whether the session is known.
func (s *Store) HasID(ctx context.Context, id uint64) (bool, error) {
	return s.exists(ctx, "id", id)
}

// HasPeerRequest says whether a session came with exactly these bytes. Other bytes with the same
// meaning are not found: the stock node compares no deeper than this.
func (s *Store) HasPeerRequest(ctx context.Context, encoded string) (bool, error) {
	return s.exists(ctx, "peer_request", encoded)
}

func (s *Store) exists(ctx context.Context, column string, value any) (found bool, err error) {
	query := "SELECT EXISTS (SELECT 1 FROM sessions WHERE " + column + " = ?)"
	err = s.db.QueryRowContext(ctx, query, value).Scan(&found)

	return found, err
}

// Insert adds a session; ErrDuplicate if id, peer or request is taken.
func (s *Store) Insert(ctx context.Context, r *Session) error {
	now := time.Now()
	_, err := s.db.ExecContext(ctx,
		"INSERT INTO sessions ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		now, now, r.NodeAddr, r.ServiceType, r.AccAddr, r.ID, r.MaxBytes.String(), r.MaxDuration,
		r.PeerID, r.PeerMetadata, r.PeerRequest, r.Duration, r.RxBytes.String(), "", r.TxBytes.String(),
	)

	var failure sqlite3.Error
	if errors.As(err, &failure) && failure.Code == sqlite3.ErrConstraint {
		return ErrDuplicate
	}

	return err
}

// SetUsage stores a peer's counters; the session's duration moves only when they did.
func (s *Store) SetUsage(ctx context.Context, peerID, rx, tx string) error {
	var createdAt time.Time

	err := s.db.QueryRowContext(ctx,
		"SELECT created_at FROM sessions WHERE peer_id = ? AND (rx_bytes <> ? OR tx_bytes <> ?)", peerID, rx, tx,
	).Scan(&createdAt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}

	if err != nil {
		return err
	}

	now := time.Now()
	_, err = s.db.ExecContext(ctx,
		"UPDATE sessions SET rx_bytes = ?, tx_bytes = ?, duration = ?, updated_at = ? WHERE peer_id = ?",
		rx, tx, now.Sub(createdAt), now, peerID,
	)

	return err
}

// Delete forgets a session.
func (s *Store) Delete(ctx context.Context, id uint64) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?", id)

	return err
}
