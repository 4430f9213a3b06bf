// Package settings reads the reference node's configuration: the stock node's keys, from flags and
// from `config.toml` in its home.
package settings

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	sdkconfig "github.com/sentinel-official/sentinel-go-sdk/core/config"
	"github.com/sentinel-official/sentinel-go-sdk/libs/netip"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	"github.com/spf13/viper"
)

// Settings is the checked configuration.
type Settings struct {
	*sdkconfig.Config

	Home           string
	Moniker        string
	RemoteAddrs    []string
	ListenPort     uint16
	AdvertisedPort uint16
	GigabytePrices v1.Prices
	HourlyPrices   v1.Prices
	Service        types.ServiceType
	MaxPeers       int
	Every          Intervals
}

// Intervals says how often each recurring task runs.
type Intervals struct {
	Location, Status, UsageToHub, UsageToStore, Limits, Sessions time.Duration
}

// APIAddrs are the addresses that the node registers at the hub.
func (s *Settings) APIAddrs() []string {
	addrs := make([]string, len(s.RemoteAddrs))
	for i, addr := range s.RemoteAddrs {
		addrs[i] = net.JoinHostPort(addr, strconv.Itoa(int(s.AdvertisedPort)))
	}

	return addrs
}

// FromViper checks the values that flags and file gave.
func FromViper(v *viper.Viper, home string, base *sdkconfig.Config) (*Settings, error) {
	s := &Settings{
		Config:      base,
		Home:        home,
		Moniker:     v.GetString("node.moniker"),
		RemoteAddrs: v.GetStringSlice("node.remote_addrs"),
		Service:     types.ServiceTypeFromString(v.GetString("node.service_type")),
		MaxPeers:    v.GetInt("qos.max_peers"),
	}

	var errs []error
	check := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}

	check("config", base.Validate())
	check("node.api_port", s.readPort(v.GetString("node.api_port")))
	check("node.remote_addrs", checkAddrs(s.RemoteAddrs))

	var err error
	s.GigabytePrices, err = v1.NewPricesFromString(v.GetString("node.gigabyte_prices"))
	check("node.gigabyte_prices", err)
	s.HourlyPrices, err = v1.NewPricesFromString(v.GetString("node.hourly_prices"))
	check("node.hourly_prices", err)

	if s.Service == types.ServiceTypeUnspecified {
		check("node.service_type", errors.New("is none of wireguard, v2ray, openvpn"))
	}

	if s.MaxPeers < 1 || s.MaxPeers > MaxPeersLimit {
		check("qos.max_peers", fmt.Errorf("is not in 1 to %d", MaxPeersLimit))
	}

	for key, target := range map[string]*time.Duration{
		"node.interval_geoip_location":                     &s.Every.Location,
		"node.interval_status_update":                      &s.Every.Status,
		"node.interval_session_usage_sync_with_blockchain": &s.Every.UsageToHub,
		"node.interval_session_usage_sync_with_database":   &s.Every.UsageToStore,
		"node.interval_session_usage_validate":             &s.Every.Limits,
		"node.interval_session_validate":                   &s.Every.Sessions,
	} {
		*target, err = time.ParseDuration(v.GetString(key))
		check(key, err)
	}

	return s, errors.Join(errs...)
}

func (s *Settings) readPort(text string) error {
	port, err := netip.NewPortFromString(text)
	if err != nil {
		return err
	}

	if port == nil {
		return errors.New("is empty")
	}

	s.ListenPort, s.AdvertisedPort = port.InFrom, port.OutFrom

	return nil
}

// maxAddrLen is what the hub takes as a remote address, port excluded.
const maxAddrLen = 63

func checkAddrs(addrs []string) error {
	if len(addrs) == 0 {
		return errors.New("is empty")
	}

	for _, addr := range addrs {
		if addr == "" || len(addr) > maxAddrLen {
			return fmt.Errorf("%q is empty or longer than %d", addr, maxAddrLen)
		}
	}

	return nil
}
