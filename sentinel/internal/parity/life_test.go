//go:build stack

package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// tunnel: a stock client connects and traffic flows; use is reported; the end of the session drops
// the peer at once and the row once the session has left the hub.
func (l *lab) tunnel(t *testing.T, n *instance) {
	id := l.hub.session(t, "alice", n.addr)
	device := fmt.Sprintf("%s-wg", n.name)

	line := run(t, l.client.inside(program(t, "sentinel-client"), "connect",
		"--url", fmt.Sprintf("https://127.0.0.1:%d", apiPort), "--via", n.ip, "--node", n.addr.String(),
		"--session", fmt.Sprint(id), "--key", "alice", "--keyring-home", l.hub.home, "--chain-id", chainID,
		"--interface", device, "--timeout", "10s")...)
	t.Cleanup(func() {
		_, _ = try(l.client.inside(program(t, "sentinel-client"), "disconnect", "--interface", device)...)
	})

	var up struct {
		Gateways  []string `json:"gateways"`
		PublicKey string   `json:"public_key"`
	}
	if err := json.Unmarshal([]byte(line), &up); err != nil {
		t.Fatal(err)
	}

	run(t, l.client.inside("ping", "-c", "3", "-i", "0.2", "-W", "2", up.Gateways[0])...)

	eventually(t, "the hub knows what was used", 15*time.Second, func() bool {
		session, err := l.hub.as(t, "alice").Session(context.Background(), id)

		return err == nil && session != nil && session.GetUploadBytes().IsPositive() && session.GetDownloadBytes().IsPositive()
	})

	again := encode(t, l.hub.signed(t, "alice", id, peerRequest(t)))
	known := answer{409, 3, fmt.Sprintf("session %d already exists in database", id)}

	l.hub.cancel(t, "alice", id)
	eventually(t, "the peer is dropped", 5*time.Second, func() bool {
		_, err := try(l.client.inside("ping", "-c", "1", "-W", "1", up.Gateways[0])...)

		return err != nil
	})
	check(t, n, []row{{"after the end, before it left the hub", again, known}})

	eventually(t, "the row is deleted", sessionTimeout+15*time.Second, func() bool {
		return n.post(t, again).answer != known
	})
	check(t, n, []row{{"after it left the hub", again, answer{404, 5, fmt.Sprintf("session %d does not exist on blockchain", id)}}})
}

// restart empties the tunnel and keeps the database; then the peer limit, which comes before parsing.
func (l *lab) restart(t *testing.T, n *instance) {
	id := l.hub.session(t, "bob", n.addr)
	opening := encode(t, l.hub.signed(t, "bob", id, peerRequest(t)))

	if g := n.post(t, opening); g.status != 200 {
		t.Fatalf("before the restart: %d %s", g.status, g.body)
	}

	stop(n.cmd)
	n.start(t)
	eventually(t, "the tunnel is up again", 20*time.Second, func() bool {
		_, err := try("nsenter", "--target", fmt.Sprint(n.cmd.Process.Pid), "--mount", "--net", "wg", "show", "wg0")

		return err == nil
	})

	if peers := n.wg(t, "show", "wg0", "peers"); peers != "" {
		t.Errorf("peers after the restart: %s", peers)
	}

	check(t, n, []row{{"the session before the restart", opening,
		answer{409, 3, fmt.Sprintf("session %d already exists in database", id)}}})

	for range maxPeers {
		fresh := l.hub.session(t, "bob", n.addr)
		if g := n.post(t, encode(t, l.hub.signed(t, "bob", fresh, peerRequest(t)))); g.status != 200 {
			t.Fatalf("below the limit: %d %s", g.status, g.body)
		}
	}

	check(t, n, []row{{"at the limit", []byte("x"), answer{409, 1, fmt.Sprintf("maximum peer limit %d reached", maxPeers)}}})
}
