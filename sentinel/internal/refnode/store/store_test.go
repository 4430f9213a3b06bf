package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"cosmossdk.io/math"
)

func open(t *testing.T) *Store {
	t.Helper()

	s, err := Open(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = s.Close() })

	return s
}

func session(id uint64, peer, request string) *Session {
	return &Session{
		ID: id, NodeAddr: "node", AccAddr: "account", ServiceType: "wireguard",
		PeerID: peer, PeerRequest: request, PeerMetadata: "metadata",
		MaxBytes: math.NewInt(100), MaxDuration: time.Hour, RxBytes: math.ZeroInt(), TxBytes: math.ZeroInt(),
	}
}

func TestInsertRefusesEachKeyTwice(t *testing.T) {
	s, ctx := open(t), context.Background()
	if err := s.Insert(ctx, session(1, "peer", "request")); err != nil {
		t.Fatal(err)
	}

	for name, again := range map[string]*Session{
		"id":      session(1, "other", "other"),
		"peer":    session(2, "peer", "other"),
		"request": session(2, "other", "request"),
	} {
		if err := s.Insert(ctx, again); !errors.Is(err, ErrDuplicate) {
			t.Errorf("same %s: %v, want ErrDuplicate", name, err)
		}
	}

	if err := s.Insert(ctx, session(2, "other", "other")); err != nil {
		t.Errorf("all new: %v", err)
	}
}

func TestLookupsCompareExactly(t *testing.T) {
	s, ctx := open(t), context.Background()
	if err := s.Insert(ctx, session(1, "peer", "request")); err != nil {
		t.Fatal(err)
	}

	for id, want := range map[uint64]bool{1: true, 2: false} {
		if found, err := s.HasID(ctx, id); err != nil || found != want {
			t.Errorf("id %d: %v %v, want %v", id, found, err, want)
		}
	}

	for request, want := range map[string]bool{"request": true, "Request": false, "request ": false} {
		if found, err := s.HasPeerRequest(ctx, request); err != nil || found != want {
			t.Errorf("request %q: %v %v, want %v", request, found, err, want)
		}
	}

	if _, err := s.HasID(ctx, 1<<63); err == nil {
		t.Error("an id beyond SQLite's range was looked up")
	}
}

func TestDurationMovesOnlyWithTheCounters(t *testing.T) {
	s, ctx := open(t), context.Background()
	if err := s.Insert(ctx, session(1, "peer", "request")); err != nil {
		t.Fatal(err)
	}

	read := func() Session {
		t.Helper()

		all, err := s.OfNode(ctx, "node")
		if err != nil || len(all) != 1 {
			t.Fatalf("%d sessions, %v", len(all), err)
		}

		return all[0]
	}

	for _, step := range []struct {
		rx, tx string
		moves  bool
	}{{"0", "0", false}, {"5", "7", true}, {"5", "7", false}, {"5", "8", true}} {
		before := read().Duration
		if err := s.SetUsage(ctx, "peer", step.rx, step.tx); err != nil {
			t.Fatal(err)
		}

		after := read()
		if moved := after.Duration != before; moved != step.moves {
			t.Errorf("counters %s and %s: duration moved is %v, want %v", step.rx, step.tx, moved, step.moves)
		}

		if after.RxBytes.String() != step.rx || after.TxBytes.String() != step.tx {
			t.Errorf("counters are %s and %s, want %s and %s", after.RxBytes, after.TxBytes, step.rx, step.tx)
		}
	}

	if err := s.SetUsage(ctx, "nobody", "1", "1"); err != nil {
		t.Errorf("counters of a peer without session: %v", err)
	}
}

func TestDeletedSessionIsForgotten(t *testing.T) {
	s, ctx := open(t), context.Background()
	if err := s.Insert(ctx, session(1, "peer", "request")); err != nil {
		t.Fatal(err)
	}

	if err := s.Delete(ctx, 1); err != nil {
		t.Fatal(err)
	}

	if found, err := s.HasID(ctx, 1); found || err != nil {
		t.Errorf("after deletion: %v %v", found, err)
	}

	if all, err := s.OfNode(ctx, "node"); len(all) != 0 || err != nil {
		t.Errorf("%d sessions, %v", len(all), err)
	}
}

func TestExceeded(t *testing.T) {
	for name, c := range map[string]struct {
		maxBytes, rx, tx      int64
		maxDuration, duration time.Duration
		want                  bool
	}{
		"below":             {10, 4, 5, time.Hour, time.Minute, false},
		"bytes reached":     {10, 4, 6, 0, 0, true},
		"duration reached":  {0, 4, 6, time.Hour, time.Hour, true},
		"no limits":         {0, 1 << 40, 1 << 40, 0, 1 << 40, false},
		"only bytes remain": {10, 0, 9, time.Hour, 2 * time.Hour, true},
	} {
		s := &Session{
			MaxBytes: math.NewInt(c.maxBytes), RxBytes: math.NewInt(c.rx), TxBytes: math.NewInt(c.tx),
			MaxDuration: c.maxDuration, Duration: c.duration,
		}
		if got := s.Exceeded(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
