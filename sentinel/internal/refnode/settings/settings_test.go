package settings

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	sdkconfig "github.com/sentinel-official/sentinel-go-sdk/core/config"
	"github.com/spf13/pflag"
)

func load(t *testing.T, home string, args ...string) (*Settings, error) {
	t.Helper()

	base := sdkconfig.DefaultConfig()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	base.SetForFlags(flags)
	AddFlags(flags)

	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}

	v, err := Load(home, flags)
	if err != nil {
		t.Fatal(err)
	}

	if err := v.Unmarshal(base); err != nil {
		t.Fatal(err)
	}

	s, err := FromViper(v, home, base)
	if err == nil {
		if err := Write(home, v, flags); err != nil {
			t.Fatal(err)
		}
	}

	return s, err
}

func TestFileKeepsWhatFlagsSaid(t *testing.T) {
	home := t.TempDir()

	first, err := load(t, home, "--node.remote-addrs=192.0.2.1,node.example", "--node.api-port=1000:2000",
		"--node.interval-session-validate=3s", "--node.gigabyte-prices=udvpn:0,7", "--rpc.chain-id=local",
		"--keyring.backend=test", `--node.moniker=a "name"`)
	if err != nil {
		t.Fatal(err)
	}

	second, err := load(t, home)
	if err != nil {
		t.Fatal(err)
	}

	if !reflect.DeepEqual(first, second) {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}

	if want := []string{"192.0.2.1:2000", "node.example:2000"}; !reflect.DeepEqual(second.APIAddrs(), want) {
		t.Errorf("advertised %v, want %v", second.APIAddrs(), want)
	}

	if second.ListenPort != 1000 || second.Every.Sessions != 3*time.Second || second.RPC.ChainID != "local" {
		t.Errorf("port %d, interval %s, chain %q", second.ListenPort, second.Every.Sessions, second.RPC.ChainID)
	}

	third, err := load(t, home, "--node.api-port=3000")
	if err != nil || third.ListenPort != 3000 || third.AdvertisedPort != 3000 {
		t.Errorf("a flag does not win over the file: %+v, %v", third, err)
	}
}

func TestFileIsPrivateAndInDoubleQuotes(t *testing.T) {
	home := t.TempDir()
	if _, err := load(t, home, "--node.remote-addrs=192.0.2.1"); err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(home, FileName)

	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	// What the gate reads from a node's home.
	for _, line := range []string{"[node]", "[keyring]", "[qos]", `service_type = "wireguard"`, `remote_addrs = ["192.0.2.1"]`, "max_peers = 250"} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func TestWrongValuesAreNamed(t *testing.T) {
	for flag, key := range map[string]string{
		"--node.api-port=x":                "node.api_port",
		"--node.remote-addrs=192.0.2.1,,":  "node.remote_addrs",
		"--node.gigabyte-prices=x":         "node.gigabyte_prices",
		"--node.service-type=carrier":      "node.service_type",
		"--qos.max-peers=0":                "qos.max_peers",
		"--qos.max-peers=251":              "qos.max_peers",
		"--node.interval-status-update=1x": "node.interval_status_update",
		"--keyring.backend=x":              "config",
		"--rpc.chain-id=x":                 "node.remote_addrs", // none given
	} {
		args := []string{flag}
		if key != "node.remote_addrs" {
			args = append(args, "--node.remote-addrs=192.0.2.1")
		}

		_, err := load(t, t.TempDir(), args...)
		if err == nil || !strings.Contains(err.Error(), key+":") {
			t.Errorf("%s: %v, want an error at %s", flag, err, key)
		}
	}
}
