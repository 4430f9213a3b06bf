package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cosmossdk.io/math"
)

// Session is one row: a peer that the node let in for a session of the hub.
type Session struct {
	ID          uint64
	NodeAddr    string
	AccAddr     string
	ServiceType string

	PeerID       string
	PeerRequest  string // base64 of the request's raw bytes
	PeerMetadata string // base64 of what the peer was answered

	MaxBytes    math.Int
	MaxDuration time.Duration
	RxBytes     math.Int
	TxBytes     math.Int
	Duration    time.Duration
}

// Exceeded says whether the session used up its bytes or its time. Zero means no limit.
func (s *Session) Exceeded() bool {
	bytes := s.MaxBytes.IsPositive() && s.RxBytes.Add(s.TxBytes).GTE(s.MaxBytes)
	duration := s.MaxDuration > 0 && s.Duration >= s.MaxDuration

	return bytes || duration
}

// OfNode lists the sessions that were made under this node address.
func (s *Store) OfNode(ctx context.Context, nodeAddr string) (sessions []Session, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, node_addr, acc_addr, service_type, peer_id, peer_request,
		peer_metadata, max_bytes, max_duration, rx_bytes, tx_bytes, duration FROM sessions WHERE node_addr = ?`, nodeAddr)
	if err != nil {
		return nil, err
	}

	defer func() { err = errors.Join(err, rows.Close()) }()

	for rows.Next() {
		var (
			r             Session
			limit, rx, tx string
		)

		if err := rows.Scan(&r.ID, &r.NodeAddr, &r.AccAddr, &r.ServiceType, &r.PeerID, &r.PeerRequest,
			&r.PeerMetadata, &limit, &r.MaxDuration, &rx, &tx, &r.Duration); err != nil {
			return nil, err
		}

		for text, target := range map[*string]*math.Int{&limit: &r.MaxBytes, &rx: &r.RxBytes, &tx: &r.TxBytes} {
			value, ok := math.NewIntFromString(*text)
			if !ok {
				return nil, fmt.Errorf("session %d: %q is no number", r.ID, *text)
			}

			*target = value
		}

		sessions = append(sessions, r)
	}

	return sessions, rows.Err()
}
