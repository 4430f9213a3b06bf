package tunnel

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
)

func TestSubnetAndGateway(t *testing.T) {
	for addr, want := range map[string][2]string{
		"10.64.222.2/32":    {"10.64.222.0/24", "10.64.222.1"},
		"10.64.222.255/32":  {"10.64.222.0/24", "10.64.222.1"},
		"fd00:1:2:3::9/128": {"fd00:1:2:3::/64", "fd00:1:2:3::1"},
	} {
		subnet := Subnet(netip.MustParsePrefix(addr))
		if subnet.String() != want[0] || Gateway(subnet).String() != want[1] {
			t.Errorf("%s: %s by %s, want %v", addr, subnet, Gateway(subnet), want)
		}
	}
}

func TestAnswered(t *testing.T) {
	for output, want := range map[string]bool{
		"":                         false,
		"key=\t0\n":                false,
		"key=\t1763668800\n":       true,
		"a=\t0\nb=\t1763668800\n":  true,
		"a line of something else": false,
	} {
		if got := answered(output); got != want {
			t.Errorf("%q: %v, want %v", output, got, want)
		}
	}
}

func TestConfigurationHoldsEverythingThatTheSDKSays(t *testing.T) {
	cfg := wireguard.DefaultClientConfig()
	cfg.Peer.Addr, cfg.Peer.Port, cfg.Peer.PublicKey = "192.0.2.1", 51820, cfg.GetPrivateKey().Public().String()

	text := configuration(cfg)
	for _, line := range []string{
		"PrivateKey = " + cfg.PrivateKey, "PublicKey = " + cfg.Peer.PublicKey, "Endpoint = 192.0.2.1:51820",
		"AllowedIPs = 0.0.0.0/0, ::/0", "PersistentKeepalive = 30",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}
