//go:build stack

package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/core"
	"github.com/sentinel-official/sentinel-go-sdk/core/config"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	node "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"
)

const (
	chainID = "sentinel-parity"

	// sessionTimeout is how long an ended session stays on the hub; also how long one without usage lives.
	sessionTimeout = 25 * time.Second
)

// hub is a running chain with funded keys.
type hub struct {
	home string
	port int
}

func startHub(t *testing.T, keys ...string) *hub {
	t.Helper()

	h := &hub{home: filepath.Join(t.TempDir(), "hub"), port: freePort(t)}
	bin := program(t, "sentinelhub")
	own := []string{"--home", h.home}
	keyring := append([]string{"--keyring-backend", "test"}, own...)
	hub := func(args ...string) { run(t, append([]string{bin}, args...)...) }

	hub(append([]string{"init", "val", "--chain-id", chainID}, own...)...)
	h.editGenesis(t)

	for _, key := range append([]string{"val"}, keys...) {
		hub(append([]string{"keys", "add", key, "--output", "json"}, keyring...)...)
		hub(append([]string{"genesis", "add-genesis-account", key, "1000000000000udvpn"}, keyring...)...)
	}

	hub(append([]string{"genesis", "gentx", "val", "100000000000udvpn", "--chain-id", chainID}, keyring...)...)
	hub(append([]string{"genesis", "collect-gentxs"}, own...)...)
	run(t, "sed", "-i", `s/^timeout_commit = .*/timeout_commit = "500ms"/`, filepath.Join(h.home, "config", "config.toml"))

	start(t, filepath.Join(h.home, "log"), bin, "start", "--home", h.home, "--skip-overwrite-config",
		"--minimum-gas-prices", "0.1udvpn", "--rpc.laddr", fmt.Sprintf("tcp://0.0.0.0:%d", h.port), "--rpc.pprof_laddr", "",
		"--p2p.laddr", "tcp://127.0.0.1:0", "--p2p.pex=false", "--grpc-web.enable=false",
		// Nodes estimate gas, which the hub answers only with gRPC on.
		"--grpc.address", fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	eventually(t, "the hub makes blocks", 30*time.Second, h.makesBlocks)

	return h
}

func freePort(t *testing.T) int {
	t.Helper()

	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = listener.Close() }()

	return listener.Addr().(*net.TCPAddr).Port
}

func (h *hub) editGenesis(t *testing.T) {
	t.Helper()

	file := filepath.Join(h.home, "config", "genesis.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	var genesis map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), `"stake"`, `"udvpn"`)), &genesis); err != nil {
		t.Fatal(err)
	}

	vpn := genesis["app_state"].(map[string]any)["vpn"].(map[string]any)
	for module, timeout := range map[string]string{
		"node": "86400s", "subscription": "86400s", "session": fmt.Sprintf("%.0fs", sessionTimeout.Seconds()),
	} {
		vpn[module].(map[string]any)["params"].(map[string]any)["status_timeout"] = timeout
	}

	edited, err := json.Marshal(genesis)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(file, edited, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *hub) makesBlocks() bool {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/status", h.port))
	if err != nil {
		return false
	}

	defer func() { _ = response.Body.Close() }()

	var status struct {
		Result struct {
			SyncInfo struct {
				Height string `json:"latest_block_height"`
			} `json:"sync_info"`
		} `json:"result"`
	}
	if json.NewDecoder(response.Body).Decode(&status) != nil {
		return false
	}

	height, err := strconv.Atoi(status.Result.SyncInfo.Height)

	return err == nil && height > 1
}

// rpcFrom is the address of the hub as seen from a namespace.
func (h *hub) rpcFrom(host string) string { return fmt.Sprintf("http://%s:%d", host, h.port) }

// as is the SDK's client with one of the keys.
func (h *hub) as(t *testing.T, key string) *core.Client {
	t.Helper()

	cfg := config.DefaultConfig()
	cfg.Keyring.Backend, cfg.Keyring.HomeDir = "test", h.home
	cfg.RPC.Addrs, cfg.RPC.ChainID = []string{h.rpcFrom("127.0.0.1")}, chainID
	cfg.Tx.FromName, cfg.Tx.QueryRetryDelay, cfg.Tx.GasAdjustment = key, "200ms", 1.5

	client, err := core.NewClientFromConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}

	return client
}

func (h *hub) account(t *testing.T, key string) sdk.AccAddress {
	t.Helper()

	addr, err := h.as(t, key).KeyAddr(key)
	if err != nil {
		t.Fatal(err)
	}

	return addr
}

// send sends messages and gives the attribute of an event, without its quotes.
func (h *hub) send(t *testing.T, key, event, attribute string, msgs ...sdk.Msg) (value string) {
	t.Helper()

	_, result, err := h.as(t, key).BroadcastTxCommit(context.Background(), msgs...)
	if err != nil {
		t.Fatal(err)
	}

	for _, e := range result.TxResult.Events {
		for _, a := range e.Attributes {
			if e.Type == event && a.Key == attribute {
				value = strings.Trim(a.Value, `"`)
			}
		}
	}

	return value
}

// session opens a direct session.
func (h *hub) session(t *testing.T, key string, at base.NodeAddress) uint64 {
	t.Helper()

	price := v1.Price{Denom: "udvpn", BaseValue: sdk.ZeroDec(), QuoteValue: sdk.NewInt(1_000_000)}
	msg := node.NewMsgStartSessionRequest(h.account(t, key), at, 1, 0, price)

	id, err := strconv.ParseUint(h.send(t, key, "sentinel.node.v3.EventCreateSession", "session_id", msg), 10, 64)
	if err != nil {
		t.Fatal(err)
	}

	return id
}

func (h *hub) cancel(t *testing.T, key string, id uint64) {
	t.Helper()
	h.send(t, key, "", "", session.NewMsgCancelSessionRequest(h.account(t, key), id))
}

// registerNode registers a node that does not run.
func (h *hub) registerNode(t *testing.T, key string) base.NodeAddress {
	t.Helper()

	addr := h.account(t, key)
	prices := v1.Prices{{Denom: "udvpn", BaseValue: sdk.ZeroDec(), QuoteValue: sdk.NewInt(1_000_000)}}
	h.send(t, key, "", "", node.NewMsgRegisterNodeRequest(addr, prices, prices, []string{"192.0.2.1:8080"}))
	h.send(t, key, "", "", node.NewMsgUpdateNodeStatusRequest(addr.Bytes(), v1.StatusActive))

	return addr.Bytes()
}
