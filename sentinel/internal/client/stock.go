package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/core/config"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	base "github.com/sentinel-official/sentinelhub/v12/types"
)

// maxWait bounds what has no time-out of its own.
const maxWait = 5 * time.Second

// account names a key and where it is kept.
type account struct {
	key     string
	home    string
	chainID string
}

// stock is the SDK's client, pointed at one URL.
type stock struct {
	*node.Client

	closers []func() error
}

func newStock(a account, to *target, addr base.NodeAddress, timeout time.Duration) (*stock, error) {
	s := &stock{}
	hostPort := to.hostPort

	if !to.tls {
		b, err := newBridge(to.hostPort)
		if err != nil {
			return nil, fmt.Errorf("bridging to plain HTTP: %w", err)
		}

		s.closers = append(s.closers, b.Close)
		hostPort = b.hostPort()
	}

	d, err := newDirectory(addr, hostPort)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}

	rpc, stop, err := d.serve()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}

	s.closers = append(s.closers, stop)

	client, err := node.NewClientFromConfig(a.config(rpc, timeout))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}

	// Node certificates are self-signed: stock clients do not look at them.
	s.Client = client.WithAddr(addr).WithInsecure(true).WithTimeout(timeout)

	return s, nil
}

// config is the SDK's, with this account's key and that RPC address.
func (a account) config(rpc string, timeout time.Duration) *config.Config {
	cfg := config.DefaultConfig()
	cfg.Keyring.Backend, cfg.Keyring.HomeDir = "test", a.home
	cfg.RPC.Addrs, cfg.RPC.ChainID, cfg.RPC.Timeout = []string{rpc}, a.chainID, timeout.String()
	cfg.Query.RetryAttempts = 1
	cfg.Tx.FromName = a.key

	return cfg
}

// Close ends the helpers on loopback.
func (s *stock) Close() error {
	var errs []error
	for _, stop := range s.closers {
		errs = append(errs, stop())
	}

	return errors.Join(errs...)
}

// open does what stock clients do: `GET /`, then `POST /`, each on a connection of its own.
func (s *stock) open(ctx context.Context, session uint64, request any) (*node.InitHandshakeResult, error) {
	info, err := s.GetInfo(ctx)
	if err != nil {
		return nil, err
	}

	if info.ServiceType != "wireguard" {
		return nil, fmt.Errorf("service type %q is not supported here", info.ServiceType)
	}

	return s.InitHandshake(ctx, session, request)
}
