package client

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/core"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
	base "github.com/sentinel-official/sentinelhub/v12/types"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct{ url, via, want string }{
		{"https://127.0.0.1:8443", "", "https://127.0.0.1:8443/"},
		{"https://127.0.0.1:8443/path", "10.77.0.1", "https://10.77.0.1:8443/"},
		{"https://localhost:8443", "10.77.0.1", "https://10.77.0.1:8443/"},
		{"http://[::1]:80", "10.77.0.1", "http://10.77.0.1:80/"},
		{"https://192.0.2.1", "10.77.0.1", "https://192.0.2.1:443/"},
		{"http://192.0.2.1", "", "http://192.0.2.1:80/"},
	} {
		if got, err := parseTarget(c.url, c.via); err != nil || got.url() != c.want {
			t.Errorf("%s via %q: %v %v, want %s", c.url, c.via, got, err, c.want)
		}
	}

	for _, url := range []string{"", "127.0.0.1:80", "ftp://192.0.2.1", "https://", "https://%"} {
		if got, err := parseTarget(url, ""); err == nil {
			t.Errorf("%q became %v", url, got)
		}
	}
}

// server records what comes, by connection, and answers the POST with the body given.
type server struct {
	*httptest.Server

	mu    sync.Mutex
	calls []string // method and remote address
	body  node.InitHandshakeRequestBody
}

func newServer(t *testing.T, tls bool, status int, answer string) *server {
	t.Helper()

	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()

		s.calls = append(s.calls, r.Method+" "+r.RemoteAddr)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"success":true,"result":{"service_type":"wireguard"}}`)

			return
		}

		if err := json.NewDecoder(r.Body).Decode(&s.body); err != nil {
			t.Error(err)
		}

		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))

	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}

	t.Cleanup(s.Close)

	return s
}

func newFlags(t *testing.T, url string) *flags {
	t.Helper()

	f := &flags{url: url, key: "alice", keyHome: t.TempDir(), chainID: "local", session: 7, timeout: 5 * time.Second}

	c, err := core.NewClientFromConfig(f.account().config("http://127.0.0.1:1", f.timeout))
	if err != nil {
		t.Fatal(err)
	}

	if _, _, err := c.CreateKey("alice", "", "", ""); err != nil {
		t.Fatal(err)
	}

	if f.target, err = parseTarget(url, ""); err != nil {
		t.Fatal(err)
	}

	f.nodeAddr = base.NodeAddress("01234567890123456789")

	return f
}

const welcome = `{"success":true,"result":{"addrs":["192.0.2.1"],"data":"e30="}}`

func TestSDKClientReachesTheURLOverTLSAndPlainHTTP(t *testing.T) {
	for name, tls := range map[string]bool{"TLS": true, "plain": false} {
		s := newServer(t, tls, 200, welcome)
		f := newFlags(t, s.URL)

		result, err := f.shakeHands(t.Context(), &wireguard.PeerRequest{PublicKey: &wireguard.Key{1}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		if len(result.Addrs) != 1 || result.Addrs[0] != "192.0.2.1" || string(result.Data) != "{}" {
			t.Errorf("%s: result %+v", name, result)
		}

		if s.body.ID != 7 || s.body.Verify() != nil {
			t.Errorf("%s: body %+v, %v", name, s.body, s.body.Verify())
		}

		if len(s.calls) != 2 || !strings.HasPrefix(s.calls[0], "GET ") || !strings.HasPrefix(s.calls[1], "POST ") ||
			s.calls[0][4:] == s.calls[1][5:] {
			t.Errorf("%s: calls %v, want GET and POST on a connection each", name, s.calls)
		}
	}
}

func TestRefusalsReadAsStockClientsPrintThem(t *testing.T) {
	for answer, want := range map[string]string{
		`{"success":false,"error":{"code":103,"message":"sign in first"}}`: "code=103, message=sign in first",
		"":       "EOF",
		`{"suc`:  "unexpected EOF",
		"<html>": "invalid character '<'",
	} {
		s := newServer(t, true, 401, answer)

		_, err := newFlags(t, s.URL).shakeHands(t.Context(), &wireguard.PeerRequest{PublicKey: &wireguard.Key{1}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", answer, err, want)
		}
	}
}

func TestSameTunnelKeyMakesTheIdenticalHandshake(t *testing.T) {
	s := newServer(t, true, 409, `{"success":false,"error":{"code":3,"message":"known"}}`)
	f := newFlags(t, s.URL)
	f.tunnelKeyFile = filepath.Join(t.TempDir(), "key")

	var bodies []string
	for range 2 {
		line, err := f.transcript(t.Context(), nil, false)
		if err != nil {
			t.Fatal(err)
		}

		if line.Answer.Status != 409 || line.Answer.success() {
			t.Errorf("answer %+v", line.Answer)
		}

		text, err := json.Marshal(line.Request)
		if err != nil {
			t.Fatal(err)
		}

		bodies = append(bodies, string(text))
	}

	if bodies[0] != bodies[1] {
		t.Errorf("two bodies:\n%s\n%s", bodies[0], bodies[1])
	}

	if info, err := os.Stat(f.tunnelKeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file %v, %v", info, err)
	}
}

func TestApplyRefusesAnswersWithoutATunnel(t *testing.T) {
	good := `{"addrs":["10.1.2.3/32"],"metadata":[{"port":5,"public_key":"as+rf/Q1aqOThrG5/HtPOcrrFkpb+tah1haHl33f3iU="}]}`

	cfg := wireguard.DefaultClientConfig()
	if err := apply(cfg, &node.InitHandshakeResult{Addrs: []string{"127.0.0.1"}, Data: []byte(good)}, "10.77.0.1"); err != nil {
		t.Fatal(err)
	}

	if cfg.Peer.Endpoint() != "10.77.0.1:5" || len(cfg.Addrs) != 1 || cfg.Addrs[0] != "10.1.2.3/32" {
		t.Errorf("endpoint %s, addresses %v", cfg.Peer.Endpoint(), cfg.Addrs)
	}

	for _, bad := range []*node.InitHandshakeResult{
		{Data: []byte(good)},
		{Addrs: []string{"192.0.2.1"}, Data: []byte("{}")},
		{Addrs: []string{"192.0.2.1"}, Data: []byte(`{"metadata":[{"port":5}]}`)},
		{Addrs: []string{"192.0.2.1"}, Data: []byte("x")},
	} {
		if err := apply(wireguard.DefaultClientConfig(), bad, ""); err == nil {
			t.Errorf("took %+v", bad)
		}
	}
}
