//go:build stack

package parity

import (
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	base "github.com/sentinel-official/sentinelhub/v12/types"
)

// lab is what all rows share.
type lab struct {
	hub    *hub
	idle   base.NodeAddress // registered, not running
	client *namespace
}

func TestNodesAnswerAsTheTableSays(t *testing.T) {
	nodes := []struct{ name, bin, key string }{{"reference", program(t, "sentinel-refnode"), "refnode"}}
	if bin := os.Getenv("SENTINEL_DVPNX_BIN"); bin != "" {
		nodes = append(nodes, struct{ name, bin, key string }{"real", bin, "realnode"})
	}

	makeBridge(t)
	l := &lab{hub: startHub(t, "alice", "bob", "idle", "refnode", "realnode"), client: makeNamespace(t, 100)}
	l.idle = l.hub.registerNode(t, "idle")

	for i, n := range nodes {
		t.Run(n.name, func(t *testing.T) {
			node := setUpNode(t, l.hub, makeNamespace(t, 10+i), n.bin, n.key)
			node.start(t)

			t.Run("info", func(t *testing.T) { l.info(t, node) })
			t.Run("refusals", func(t *testing.T) { l.refusals(t, node) })
			t.Run("repeats", func(t *testing.T) { l.repeats(t, node) })
			t.Run("rate limit", func(t *testing.T) { l.rateLimit(t, node) })
			t.Run("tunnel", func(t *testing.T) { l.tunnel(t, node) })
			t.Run("restart", func(t *testing.T) { l.restart(t, node) })
		})
	}
}

// info: no answer at all before the first location, then the documented fields; every origin may read.
func (l *lab) info(t *testing.T, n *instance) {
	if g, err := n.get(t, ""); err == nil {
		t.Errorf("before a location was seen: status %d %s, want an empty reply", g.status, g.body)
	}

	start(t, n.home+"/geoip.log", n.inside(program(t, "sentinel-refnode"), "fake-geoip", "--home", t.TempDir())...)
	eventually(t, "the node tells its location", 20*time.Second, func() bool {
		g, err := n.get(t, "")

		return err == nil && g.status == 200
	})

	g, err := n.get(t, "")
	if err != nil {
		t.Fatal(err)
	}

	for _, part := range []string{`"success":true`, `"addr":"` + n.addr.String() + `"`, `"downlink":"0"`, `"uplink":"0"`,
		`"moniker":"parity"`, `"peers":0`, `"service_type":"wireguard"`, `"handshake_dns":false`, `"version":{"commit":`,
		`"location":{"city":"Reykjavik","country":"Iceland","country_code":"IS","latitude":64.1466,"longitude":-21.9426}`} {
		if !strings.Contains(g.body, part) {
			t.Errorf("no %s in %s", part, g.body)
		}
	}

	if origin := g.header.Get("Access-Control-Allow-Origin"); origin != "*" {
		t.Errorf("allowed origin is %q, want *", origin)
	}

	// The tunnel's own life starts with the program's; later rows need it up.
	eventually(t, "the tunnel is up", 20*time.Second, func() bool {
		_, err := try("nsenter", "--target", fmt.Sprint(n.cmd.Process.Pid), "--mount", "--net", "wg", "show", "wg0")

		return err == nil
	})
}

// row is one request and its answer.
type row struct {
	name string
	body []byte
	want answer
}

func check(t *testing.T, n *instance, rows []row) {
	t.Helper()

	for _, r := range rows {
		if g := n.post(t, r.body); g.answer != r.want {
			t.Errorf("%s:\n got %+v\nwant %+v", r.name, g.answer, r.want)
		}
	}
}

// refusals are the rows that leave no trace in the node.
func (l *lab) refusals(t *testing.T, n *instance) {
	alice := l.hub.account(t, "alice")
	mine, ended := l.hub.session(t, "alice", n.addr), l.hub.session(t, "alice", n.addr)
	elsewhere, bobs := l.hub.session(t, "alice", l.idle), l.hub.session(t, "bob", n.addr)
	l.hub.cancel(t, "alice", ended)

	by := func(session uint64, data string) []byte {
		return encode(t, l.hub.signed(t, "alice", session, []byte(data)))
	}
	usual := string(peerRequest(t))
	forged := l.hub.signed(t, "alice", mine, []byte(usual))
	forged.ID++
	carol := ed25519.GenPrivKey()

	const binding = "parsing request from context: binding JSON request body: "
	const service = "adding peer to service: "

	check(t, n, []row{
		{"no JSON", []byte("x"), answer{400, 2, binding + "invalid character 'x' looking for beginning of value"}},
		{"empty", nil, answer{400, 2, binding + "EOF"}},
		{"id is text", []byte(`{"id":"3"}`), answer{400, 2, binding +
			"json: cannot unmarshal string into Go struct field InitHandshakeRequestBody.id of type uint64"}},
		{"signature missing", []byte(`{"id":1,"data":"AA==","pub_key":"a"}`), answer{400, 2, binding +
			"Key: 'InitHandshakeRequestBody.Signature' Error:Field validation for 'Signature' failed on the 'required' tag"}},
		{"key of no type", []byte(`{"id":1,"data":"AA==","pub_key":"a","signature":"AAAA"}`), answer{400, 2,
			`parsing request from context: verifying request body: decoding public key "a": got 1 fields, expected 2 (type:key)`}},
		{"signature wrong", encode(t, forged), answer{400, 2, fmt.Sprintf(
			"parsing request from context: verifying request body: signature verification failed for session %d", forged.ID)}},
		{"id beyond SQLite's", by(math.MaxUint64, usual), answer{500, 3, "retrieving session 18446744073709551615 from database: " +
			"finding session with query map[id:18446744073709551615]: " +
			"sql: converting argument $1 type: uint64 values with high bit set are not supported"}},
		{"not on the hub", by(999_999, usual), answer{404, 5, "session 999999 does not exist on blockchain"}},
		{"not active", by(ended, usual), answer{400, 5, `invalid session status "inactive_pending", expected "active"`}},
		{"of another node", by(elsewhere, usual), answer{400, 6,
			fmt.Sprintf("node address mismatch: got %q, expected %X", l.idle.String(), n.addr.Bytes())}},
		{"of another account", by(bobs, usual), answer{401, 6,
			fmt.Sprintf("account addr mismatch; got %X, expected %X", alice.Bytes(), l.hub.account(t, "bob").Bytes())}},
		{"ed25519", encode(t, signedBy(t, carol, mine, []byte(usual))), answer{401, 6,
			fmt.Sprintf("account addr mismatch; got %X, expected %X", carol.PubKey().Address().Bytes(), alice.Bytes())}},
		{"data is no JSON", by(mine, "x"), answer{500, 7, service +
			"parsing request: unmarshaling input: invalid character 'x' looking for beginning of value"}},
		{"tunnel key missing", by(mine, "{}"), answer{500, 7, service + "validating request: public_key is nil"}},
		{"tunnel key too short", by(mine, `{"public_key":"AAAA"}`), answer{500, 7, service +
			"parsing request: unmarshaling input: parsing key: key length is not 32 bytes"}},
	})

	// None of them may have reached database or tunnel.
	if peers := n.wg(t, "show", "wg0", "peers"); peers != "" {
		t.Errorf("peers after nothing but refusals: %s", peers)
	}
}

// repeats: what the node compares with, and the hijack that its comparison lets through.
func (l *lab) repeats(t *testing.T, n *instance) {
	first, second, third := l.hub.session(t, "alice", n.addr), l.hub.session(t, "alice", n.addr), l.hub.session(t, "bob", n.addr)
	data := peerRequest(t)
	opening := encode(t, l.hub.signed(t, "alice", first, data))

	if g := n.post(t, opening); g.status != 200 || !strings.Contains(g.body, `"success":true`) {
		t.Fatalf("a good handshake: %d %s", g.status, g.body)
	}

	before := n.wg(t, "show", "wg0", "allowed-ips")

	spaced := []byte(strings.Replace(string(data), ":", ": ", 1))
	check(t, n, []row{
		{"replay", opening, answer{409, 3, fmt.Sprintf("session %d already exists in database", first)}},
		{"same data for another session", encode(t, l.hub.signed(t, "alice", second, data)), answer{409, 4,
			fmt.Sprintf("session already exists for peer request %q", base64.StdEncoding.EncodeToString(data))}},
		{"same tunnel key, one space more", encode(t, l.hub.signed(t, "bob", third, spaced)), answer{500, 9, fmt.Sprintf(
			"inserting session %d into database: running tx: inserting session: duplicated key not allowed", third)}},
	})

	after := n.wg(t, "show", "wg0", "allowed-ips")
	if strings.Count(before, "\n") != 1 || strings.Count(after, "\n") != 1 || before == after {
		t.Errorf("the victim's address has not moved:\nbefore %safter  %s", before, after)
	}
}

// rateLimit: five at once, then one a second, by the leftmost forwarded address, with an empty body.
func (l *lab) rateLimit(t *testing.T, n *instance) {
	caller := newCaller()
	call := func(forwarded string) *got {
		g, err := n.get(t, forwarded)
		if err != nil {
			t.Fatal(err)
		}

		return g
	}

	for range 5 {
		if g := call(caller + ", 192.0.2.7"); g.status != 200 {
			t.Fatalf("within the burst: %d", g.status)
		}
	}

	g := call(caller)
	if g.status != 429 || g.body != "" {
		t.Errorf("the sixth: %d %q, want 429 and an empty body", g.status, g.body)
	}

	if limit, after := g.header.Get("RateLimit-Limit"), g.header.Get("RateLimit-After"); limit != "5" || after != "1" {
		t.Errorf("limit %q after %q, want 5 and 1", limit, after)
	}

	if g := call(newCaller() + ", " + caller); g.status != 200 {
		t.Errorf("another leftmost address: %d, want 200", g.status)
	}
}
