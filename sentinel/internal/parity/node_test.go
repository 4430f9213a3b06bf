//go:build stack

package parity

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	base "github.com/sentinel-official/sentinelhub/v12/types"
)

const (
	apiPort  = 18080
	maxPeers = 3
)

// instance is one running node, reference or real.
type instance struct {
	*namespace

	bin  string
	home string
	addr base.NodeAddress
	cmd  *exec.Cmd
}

// setUpNode writes a node's home; its key is a funded one of the hub's.
func setUpNode(t *testing.T, h *hub, ns *namespace, bin, key string) *instance {
	t.Helper()

	n := &instance{namespace: ns, bin: bin, home: filepath.Join(t.TempDir(), "node"), addr: h.account(t, key).Bytes()}
	run(t, n.bin, "init", "--home", n.home, "--keyring.backend", "test", "--tx.from-name", key,
		"--rpc.addrs", h.rpcFrom(hostIP), "--rpc.chain-id", chainID,
		"--node.service-type", "wireguard", "--node.moniker", "parity", "--node.remote-addrs", ns.ip,
		"--node.api-port", fmt.Sprintf("%d:8080", apiPort), "--qos.max-peers", fmt.Sprint(maxPeers), "--oracle.name", "",
		"--node.gigabyte-prices", "udvpn:0,1000000", "--node.hourly-prices", "udvpn:0,1000000",
		"--node.interval-geoip-location", "1s", "--node.interval-session-validate", "1s",
		"--node.interval-session-usage-sync-with-blockchain", "2s")
	run(t, "cp", "-r", filepath.Join(h.home, "keyring-test"), n.home)
	// A network that cannot meet the bridge's own.
	run(t, "sed", "-i", `s#^ipv4_addr = .*#ipv4_addr = "10.99.7.1/24"#`, filepath.Join(n.home, "wireguard", "config.toml"))

	return n
}

func (n *instance) start(t *testing.T) {
	t.Helper()

	shims, err := filepath.Abs("../../shims")
	if err != nil {
		t.Fatal(err)
	}

	// wireguard-go's sockets are the whole host's, unless the directory is the node's own.
	script := fmt.Sprintf(`mount -t tmpfs none /var/run/wireguard
		PATH=%s:$PATH WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go exec %s start --home %s --log.level debug`,
		shims, n.bin, n.home)
	run(t, "mkdir", "-p", "/var/run/wireguard")
	n.cmd = start(t, filepath.Join(n.home, "log"), n.inside("unshare", "--mount", "sh", "-c", script)...)
	eventually(t, "the node listens", 30*time.Second, func() bool {
		_, err := n.get(t, "")

		return err == nil || strings.Contains(err.Error(), "EOF")
	})
}

// wg asks the tunnel, in the node's own namespaces.
func (n *instance) wg(t *testing.T, args ...string) string {
	t.Helper()

	enter := []string{"nsenter", "--target", fmt.Sprint(n.cmd.Process.Pid), "--mount", "--net", "wg"}

	return run(t, append(enter, args...)...)
}

// got is an answer; header and raw body for the rows that look at them.
type got struct {
	answer
	header http.Header
	body   string
}

// answer is what parity is about.
type answer struct {
	status  int
	code    int
	message string
}

// callers gives each request an address of its own, so that rows do not share the rate limit.
var callers atomic.Uint32

func newCaller() string {
	n := callers.Add(1)

	return fmt.Sprintf("198.18.%d.%d", n/256, n%256)
}

func (n *instance) get(t *testing.T, caller string) (*got, error) {
	t.Helper()

	return n.call(http.MethodGet, caller, nil)
}

func (n *instance) post(t *testing.T, body []byte) *got {
	t.Helper()

	g, err := n.call(http.MethodPost, "", body)
	if err != nil {
		t.Fatal(err)
	}

	return g
}

// call takes TLS and plain HTTP in turns: both are the same port.
func (n *instance) call(method, caller string, body []byte) (*got, error) {
	if caller == "" {
		caller = newCaller()
	}

	scheme := []string{"http", "https"}[callers.Load()%2]
	request, err := http.NewRequest(method, fmt.Sprintf("%s://%s:%d/", scheme, n.ip, apiPort), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}

	request.Header.Set("X-Forwarded-For", caller)
	request.Header.Set("Origin", "https://example.org")

	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}

	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}

	defer func() { _ = response.Body.Close() }()

	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}

	var envelope struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &envelope) // not every answer is one

	return &got{
		answer: answer{response.StatusCode, envelope.Error.Code, envelope.Error.Message},
		header: response.Header, body: string(text),
	}, nil
}
