package node

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cosmossdk.io/math"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	hubnode "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"

	"sovereign-gate/sentinel/internal/refnode/store"
)

// fakeChain has the sessions of the map and keeps what is sent.
type fakeChain struct {
	sessions map[uint64]*session.BaseSession
	err      error
	sent     [][]sdk.Msg
}

func (c *fakeChain) Session(_ context.Context, id uint64) (session.Session, error) {
	found, ok := c.sessions[id]
	if !ok || c.err != nil {
		return nil, c.err
	}

	return &hubnode.Session{BaseSession: found}, nil
}

func (c *fakeChain) send(_ context.Context, msgs ...sdk.Msg) error {
	c.sent = append(c.sent, msgs)

	return nil
}

// fakeTunnel has the peers of the map with their counters.
type fakeTunnel struct {
	types.ServerService

	peers map[string]*types.PeerStatistics
}

func (s *fakeTunnel) Type() types.ServiceType { return types.ServiceTypeWireGuard }

func (s *fakeTunnel) HasPeer(_ context.Context, id string) (bool, error) {
	_, ok := s.peers[id]

	return ok, nil
}

func (s *fakeTunnel) RemovePeer(_ context.Context, id string) error {
	delete(s.peers, id)

	return nil
}

func (s *fakeTunnel) PeerStatistics() (map[string]*types.PeerStatistics, error) { return s.peers, nil }

func newKeeper(t *testing.T) (*keeper, *fakeChain, *fakeTunnel) {
	t.Helper()

	db, err := store.Open(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = db.Close() })

	chain := &fakeChain{sessions: map[uint64]*session.BaseSession{}}
	tunnel := &fakeTunnel{peers: map[string]*types.PeerStatistics{}}

	return &keeper{node: base.NodeAddress("01234567890123456789"), hub: chain, store: db, service: tunnel}, chain, tunnel
}

// admit puts a session where a handshake puts it.
func admit(t *testing.T, k *keeper, chain *fakeChain, tunnel *fakeTunnel, id uint64, peer string, limit int64) {
	t.Helper()

	err := k.store.Insert(context.Background(), &store.Session{
		ID: id, NodeAddr: k.node.String(), AccAddr: "account", ServiceType: "wireguard", PeerID: peer, PeerRequest: peer,
		MaxBytes: math.NewInt(limit), RxBytes: math.ZeroInt(), TxBytes: math.ZeroInt(),
	})
	if err != nil {
		t.Fatal(err)
	}

	chain.sessions[id] = &session.BaseSession{ID: id, Status: v1.StatusActive, UploadBytes: math.ZeroInt()}
	tunnel.peers[peer] = types.NewPeerStatistics(time.Now())
}

func (k *keeper) ids(t *testing.T) (ids []uint64) {
	t.Helper()

	known, err := k.store.OfNode(context.Background(), k.node.String())
	if err != nil {
		t.Fatal(err)
	}

	for _, s := range known {
		ids = append(ids, s.ID)
	}

	return ids
}

func TestEndedSessionsAreForgottenInTwoSteps(t *testing.T) {
	k, chain, tunnel := newKeeper(t)
	admit(t, k, chain, tunnel, 1, "stays", 0)
	admit(t, k, chain, tunnel, 2, "ended", 0)
	admit(t, k, chain, tunnel, 3, "gone", 0)

	chain.sessions[2].Status = v1.StatusInactivePending
	delete(chain.sessions, 3)

	if err := k.forgetEnded(context.Background()); err != nil {
		t.Fatal(err)
	}

	if _, stays := tunnel.peers["stays"]; !stays || len(tunnel.peers) != 1 {
		t.Errorf("peers %v, want the active session's alone", tunnel.peers)
	}

	if ids := k.ids(t); !reflect.DeepEqual(ids, []uint64{1, 2}) {
		t.Errorf("rows %v: the ended session stays known until the hub has dropped it", ids)
	}
}

func TestNothingIsForgottenWhileTheHubCannotBeAsked(t *testing.T) {
	k, chain, tunnel := newKeeper(t)
	admit(t, k, chain, tunnel, 1, "peer", 0)
	chain.err = errors.New("no hub")

	if err := k.forgetEnded(context.Background()); err == nil {
		t.Error("no error")
	}

	if len(tunnel.peers) != 1 || len(k.ids(t)) != 1 {
		t.Errorf("peers %v, rows %v", tunnel.peers, k.ids(t))
	}
}

func TestUsageGoesToStoreLimitsAndHub(t *testing.T) {
	k, chain, tunnel := newKeeper(t)
	ctx := context.Background()
	admit(t, k, chain, tunnel, 1, "idle", 100)
	admit(t, k, chain, tunnel, 2, "busy", 100)
	admit(t, k, chain, tunnel, 3, "asleep", 100)

	tunnel.peers["busy"].RxBytes, tunnel.peers["busy"].TxBytes = 30, 70
	tunnel.peers["asleep"].RxBytes, tunnel.peers["asleep"].UpdatedAt = 30, time.Now().Add(-time.Minute)

	for _, step := range []error{k.countUsage(ctx, 2*time.Second), k.reportUsage(ctx), k.enforceLimits(ctx)} {
		if step != nil {
			t.Fatal(step)
		}
	}

	if len(chain.sent) != 1 || len(chain.sent[0]) != 1 {
		t.Fatalf("sent %v, want one report in one transaction", chain.sent)
	}

	report := chain.sent[0][0].(*session.MsgUpdateSessionRequest)
	if report.ID != 2 || report.DownloadBytes.Int64() != 70 || report.UploadBytes.Int64() != 30 {
		t.Errorf("reported %v, want session 2 with 70 down and 30 up", report)
	}

	if _, there := tunnel.peers["busy"]; there || len(tunnel.peers) != 2 {
		t.Errorf("peers %v: the one at its limit goes, no other", tunnel.peers)
	}
}
