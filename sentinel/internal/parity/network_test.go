//go:build stack

package parity

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The network of the test: one bridge, a namespace for each node and each client.
const (
	bridge = "goparbr"
	prefix = "10.77.200."
	hostIP = prefix + "1"
)

// namespace is one network namespace on the bridge.
type namespace struct {
	name string
	ip   string
}

func makeBridge(t *testing.T) {
	t.Helper()

	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root")
	}

	_, _ = try("ip", "link", "delete", "dev", bridge) // of a run that was killed
	run(t, "ip", "link", "add", bridge, "type", "bridge")
	t.Cleanup(func() { _, _ = try("ip", "link", "delete", "dev", bridge) })
	run(t, "ip", "address", "add", hostIP+"/24", "dev", bridge)
	run(t, "ip", "link", "set", bridge, "up")
}

// makeNamespace makes the n-th namespace, without DNS, where ip-api.com is the namespace itself.
func makeNamespace(t *testing.T, n int) *namespace {
	t.Helper()

	ns := &namespace{name: fmt.Sprintf("gopar%d", n), ip: fmt.Sprintf("%s%d", prefix, n)}
	ns.remove()
	t.Cleanup(ns.remove)

	run(t, "ip", "netns", "add", ns.name)
	run(t, "ip", "link", "add", ns.name, "type", "veth", "peer", "name", "eth0", "netns", ns.name)
	run(t, "ip", "link", "set", ns.name, "master", bridge, "up")

	for _, args := range []string{"address add " + ns.ip + "/24 dev eth0", "link set eth0 up", "link set lo up",
		"route add default via " + hostIP} {
		run(t, append([]string{"ip", "-n", ns.name}, strings.Fields(args)...)...)
	}

	dir := ns.etc()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}

	for name, text := range map[string]string{"hosts": "127.0.0.1 localhost ip-api.com\n", "resolv.conf": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	return ns
}

func (ns *namespace) etc() string { return filepath.Join("/etc/netns", ns.name) }

// remove ends what still runs inside (wireguard-go outlives a killed node) and deletes the namespace.
func (ns *namespace) remove() {
	pids, _ := try("ip", "netns", "pids", ns.name)
	for _, pid := range strings.Fields(pids) {
		_, _ = try("kill", pid)
	}

	_, _ = try("ip", "netns", "delete", ns.name)
	_ = os.RemoveAll(ns.etc())
}

// inside is the command line that runs args in the namespace.
func (ns *namespace) inside(args ...string) []string {
	return append([]string{"ip", "netns", "exec", ns.name}, args...)
}
