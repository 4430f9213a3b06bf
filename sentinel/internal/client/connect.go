package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
	"github.com/spf13/cobra"

	"sovereign-gate/sentinel/internal/tunnel"
)

// connected is the line that says that the tunnel is up.
type connected struct {
	Session   uint64       `json:"session"`
	Interface string       `json:"interface"`
	Addresses []string     `json:"addresses"`
	Endpoint  string       `json:"endpoint"`
	Gateways  []netip.Addr `json:"gateways"`
	PublicKey string       `json:"public_key"`
}

func connectCmd() *cobra.Command {
	var (
		f      flags
		device string
		routes []string
		keep   bool
	)

	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Do the handshake and bring the tunnel up; exit 0 means that it is up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line, err := connect(cmd.Context(), &f, device, routes)
			if err != nil {
				return err
			}

			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(line); err != nil || !keep {
				return err
			}

			<-cmd.Context().Done()

			return tunnel.Down(context.WithoutCancel(cmd.Context()), device)
		},
	}

	f.add(cmd)
	cmd.Flags().StringVar(&device, "interface", "", "name of the interface to make, unique on the host")
	cmd.Flags().StringArrayVar(&routes, "route", nil, "network to route into the tunnel, instead of the node's own")
	cmd.Flags().BoolVar(&keep, "keep", false, "stay until a signal comes, then take the tunnel down")
	_ = cmd.MarkFlagRequired("interface")

	return cmd
}

func connect(ctx context.Context, f *flags, device string, routes []string) (*connected, error) {
	cfg := wireguard.DefaultClientConfig()
	cfg.Name, cfg.DNSAddrs = device, nil

	if err := f.tunnelKey(cfg); err != nil {
		return nil, err
	}

	result, err := f.shakeHands(ctx, &wireguard.PeerRequest{PublicKey: cfg.GetPrivateKey().Public()})
	if err != nil {
		return nil, err
	}

	if err := apply(cfg, result, f.via); err != nil {
		return nil, fmt.Errorf("reading the node's answer: %w", err)
	}

	line := &connected{
		Session: f.session, Interface: device, Addresses: cfg.Addrs, Endpoint: cfg.Peer.Endpoint(),
		PublicKey: cfg.GetPrivateKey().Public().String(),
	}

	var into []netip.Prefix
	for _, addr := range cfg.GetAddrs() {
		subnet := tunnel.Subnet(addr)
		line.Gateways = append(line.Gateways, tunnel.Gateway(subnet))
		into = append(into, subnet)
	}

	if len(routes) > 0 {
		if into, err = parsePrefixes(routes); err != nil {
			return nil, err
		}
	}

	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	return line, tunnel.Up(ctx, cfg, into)
}

// shakeHands runs the SDK's client within the time that stock clients allow for everything.
func (f *flags) shakeHands(ctx context.Context, request any) (result *node.InitHandshakeResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	s, err := newStock(f.account(), f.target, f.nodeAddr, f.timeout)
	if err != nil {
		return nil, err
	}

	defer func() { err = errors.Join(err, s.Close()) }()

	return s.open(ctx, f.session, request)
}

// apply takes over what the node answered.
func apply(cfg *wireguard.ClientConfig, result *node.InitHandshakeResult, via string) error {
	var peer wireguard.AddPeerResponse
	if err := json.Unmarshal(result.Data, &peer); err != nil {
		return err
	}

	if len(result.Addrs) == 0 || len(peer.Metadata) == 0 || peer.Metadata[0].PublicKey == nil {
		return errors.New("it names no address, port or key")
	}

	cfg.Addrs = peer.GetAddrs()
	cfg.Peer.Addr = result.Addrs[0]
	cfg.Peer.Port = peer.Metadata[0].Port
	cfg.Peer.PublicKey = peer.Metadata[0].PublicKey.String()

	if via != "" && isLoopback(cfg.Peer.Addr) {
		cfg.Peer.Addr = via
	}

	return nil
}

func parsePrefixes(texts []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}

		prefixes[i] = prefix
	}

	return prefixes, nil
}

func disconnectCmd() *cobra.Command {
	var device string

	cmd := &cobra.Command{
		Use:   "disconnect",
		Short: "Take a tunnel down",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
			defer cancel()

			return tunnel.Down(ctx, device)
		},
	}
	cmd.Flags().StringVar(&device, "interface", "", "name of the interface")
	_ = cmd.MarkFlagRequired("interface")

	return cmd
}
