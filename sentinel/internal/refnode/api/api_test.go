package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"cosmossdk.io/math"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/utils"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	hubnode "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"

	"sovereign-gate/sentinel/internal/refnode/store"
)

var (
	key      = secp256k1.GenPrivKeyFromSecret([]byte("user"))
	nodeAddr = base.NodeAddress(secp256k1.GenPrivKeyFromSecret([]byte("node")).PubKey().Address())
)

// fakeHub answers sessions from a map; the error is for all.
type fakeHub struct {
	sessions map[uint64]session.Session
	err      error
}

func (h *fakeHub) Session(_ context.Context, id uint64) (session.Session, error) {
	if found, ok := h.sessions[id]; ok {
		return found, h.err
	}

	return nil, h.err
}

// fakeService takes any data as peer id; peers counts what it was given.
type fakeService struct {
	types.ServerService

	peers  int
	answer any
	err    error
}

func (s *fakeService) Type() types.ServiceType { return types.ServiceTypeWireGuard }
func (s *fakeService) PeersLen() int           { return s.peers }

func (s *fakeService) AddPeer(_ context.Context, data any) (string, any, error) {
	if s.err != nil {
		return "", nil, s.err
	}

	s.peers++

	return string(bytes.TrimSpace(data.([]byte))), s.answer, nil
}

type fixture struct {
	hub     *fakeHub
	service *fakeService
	place   *atomic.Pointer[geoip.Location]
	handler http.Handler
	callers int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()

	db, err := store.Open(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = db.Close() })

	f := &fixture{
		hub:     &fakeHub{sessions: map[uint64]session.Session{}},
		service: &fakeService{answer: map[string]int{"port": 1}},
		place:   &atomic.Pointer[geoip.Location]{},
	}
	f.handler = Router(t.Context(), &Node{
		Addr: nodeAddr, Moniker: "name", RemoteAddrs: []string{"192.0.2.1"}, MaxPeers: 2,
		Service: f.service, Store: db, Hub: f.hub, Location: f.place,
	})

	return f
}

// open puts a session on the hub, ours unless changed.
func (f *fixture) open(id uint64, change func(*session.BaseSession)) {
	s := &session.BaseSession{
		ID: id, AccAddress: accountOf(key), NodeAddress: nodeAddr.String(), Status: v1.StatusActive,
		MaxBytes: math.ZeroInt(), DownloadBytes: math.ZeroInt(), UploadBytes: math.ZeroInt(),
	}
	if change != nil {
		change(s)
	}

	f.hub.sessions[id] = &hubnode.Session{BaseSession: s}
}

func accountOf(key *secp256k1.PrivKey) string {
	body := node.InitHandshakeRequestBody{PubKey: utils.EncodePubKey(key.PubKey())}
	addr, _ := body.AccAddr()

	return addr.String()
}

func signed(t *testing.T, id uint64, data string) []byte {
	t.Helper()

	body := node.InitHandshakeRequestBody{ID: id, Data: []byte(data), PubKey: utils.EncodePubKey(key.PubKey())}

	signature, err := key.Sign(body.Msg())
	if err != nil {
		t.Fatal(err)
	}

	body.Signature = base64.StdEncoding.EncodeToString(signature)

	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}

	return text
}

func (f *fixture) post(body []byte) (status, code int) {
	f.callers++
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.0.%d", f.callers))

	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, request)

	var answer types.Response
	if json.Unmarshal(recorder.Body.Bytes(), &answer) == nil && answer.Error != nil {
		code = answer.Error.Code
	}

	return recorder.Code, code
}

func (f *fixture) expect(t *testing.T, name string, body []byte, status, code int) {
	t.Helper()

	if s, c := f.post(body); s != status || c != code {
		t.Errorf("%s: %d code %d, want %d code %d", name, s, c, status, code)
	}
}

func TestOrderOfTheChecks(t *testing.T) {
	f := newFixture(t)
	f.open(1, nil)
	f.open(2, nil)
	f.open(3, func(s *session.BaseSession) { s.Status, s.NodeAddress = v1.StatusInactivePending, "other" })
	f.open(4, func(s *session.BaseSession) { s.NodeAddress, s.AccAddress = "other", "other" })
	f.open(5, func(s *session.BaseSession) { s.AccAddress = accountOf(secp256k1.GenPrivKey()) })
	f.open(6, func(s *session.BaseSession) { s.AccAddress = "other" })

	f.expect(t, "no JSON", []byte("x"), 400, 2)
	f.expect(t, "not on the hub", signed(t, 9, "a"), 404, 5)
	f.expect(t, "inactive before other node", signed(t, 3, "a"), 400, 5)
	f.expect(t, "other node before other account", signed(t, 4, "a"), 400, 6)
	f.expect(t, "other account", signed(t, 5, "a"), 401, 6)
	f.expect(t, "account of the hub is no address", signed(t, 6, "a"), 500, 6)

	f.service.err = errors.New("no tunnel")
	f.expect(t, "service fails", signed(t, 1, "a"), 500, 7)
	f.service.err = nil

	f.expect(t, "good", signed(t, 1, "a"), 200, 0)
	f.expect(t, "id before data", signed(t, 1, "a"), 409, 3)
	f.expect(t, "same data, even for no session", signed(t, 9, "a"), 409, 4)
	f.expect(t, "same peer in other bytes", signed(t, 2, "a "), 500, 9)
	f.expect(t, "limit before parsing", []byte("x"), 409, 1)

	if f.service.peers != 2 {
		t.Errorf("%d peers were set, want 2: the database refuses only after the tunnel took it", f.service.peers)
	}
}

func TestFailuresBehindTheChecks(t *testing.T) {
	f := newFixture(t)
	f.open(1, nil)

	f.hub.err = errors.New("no hub")
	f.expect(t, "hub fails", signed(t, 1, "a"), 500, 5)
	f.hub.err = nil

	f.service.answer = func() {}
	f.expect(t, "answer cannot be encoded", signed(t, 1, "a"), 500, 8)
}

func TestInfoBreaksUntilTheLocationIsKnown(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)

	if response, err := http.Get(server.URL); err == nil {
		_ = response.Body.Close()
		t.Errorf("status %d, want an empty reply", response.StatusCode)
	}

	f.place.Store(&geoip.Location{City: "Reykjavik", IP: "192.0.2.1"})

	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = response.Body.Close() }()

	var answer struct{ Result node.GetInfoResult }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}

	if r := answer.Result; r.Addr != nodeAddr.String() || r.Location.City != "Reykjavik" || r.Location.IP != "" {
		t.Errorf("info is %+v at %+v", r, r.Location)
	}
}
