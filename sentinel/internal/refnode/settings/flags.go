package settings

import (
	"strconv"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/utils"
	"github.com/spf13/pflag"
)

// MaxPeersLimit is the highest peer limit that the stock node accepts.
const MaxPeersLimit = 250

// AddFlags declares every key of the configuration beyond the SDK's own sections. A flag's name is
// its section, a dot and the key with dashes; the file has underscores.
func AddFlags(f *pflag.FlagSet) {
	f.String("node.api-port", strconv.Itoa(int(utils.RandomPort())), "API port, as PORT or LISTENED:ADVERTISED")
	f.String("node.gigabyte-prices", "udvpn:0.0025,12500000", "prices per gigabyte, as DENOM:BASE,QUOTE joined by ;")
	f.String("node.hourly-prices", "udvpn:0.005,25000000", "prices per hour, as DENOM:BASE,QUOTE joined by ;")
	f.String("node.moniker", "reference", "name of the node")
	f.StringSlice("node.remote-addrs", nil, "addresses that clients reach the node at, without port")
	f.String("node.service-type", "wireguard", "tunnel service: wireguard, v2ray or openvpn")
	f.Uint("qos.max-peers", MaxPeersLimit, "peers that the service takes at most")

	duration := func(key string, value time.Duration, usage string) {
		f.String("node.interval-"+key, value.String(), usage)
	}
	duration("best-rpc-addr", 5*time.Minute, "accepted, unused: the first RPC address is taken")
	duration("geoip-location", 6*time.Hour, "time between two looks at the own location")
	duration("prices-update", 6*time.Hour, "accepted, unused: prices come from this file alone")
	duration("session-usage-sync-with-blockchain", 115*time.Minute, "time between two usage reports to the hub")
	duration("session-usage-sync-with-database", 2*time.Second, "time between two reads of the counters")
	duration("session-usage-validate", 5*time.Second, "time between two checks of the sessions' limits")
	duration("session-validate", 5*time.Minute, "time between two looks whether sessions still live on the hub")
	duration("speedtest", 168*time.Hour, "accepted, unused: speeds are shown as 0")
	duration("status-update", 55*time.Minute, "time between two renewals of the active status")

	f.Bool("handshake-dns.enable", false, "accepted, unused")
	f.Uint("handshake-dns.peers", 8, "accepted, unused")
	f.String("oracle.name", "", "accepted, unused: there is no price oracle")
	f.String("oracle.coingecko.api-key", "", "accepted, unused")
	f.String("oracle.osmosis.api-addr", "https://lcd.osmosis.zone:443", "accepted, unused")
}
