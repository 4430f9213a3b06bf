// Package node wires the reference node: hub account, database, tunnel service, API, recurring tasks.
package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/sentinel-official/sentinel-go-sdk/libs/cmux"
	"github.com/sentinel-official/sentinel-go-sdk/libs/cron"
	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"
	"github.com/sentinel-official/sentinel-go-sdk/libs/log"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	"golang.org/x/sync/errgroup"

	"sovereign-gate/sentinel/internal/refnode/api"
	"sovereign-gate/sentinel/internal/refnode/settings"
	"sovereign-gate/sentinel/internal/refnode/store"
)

// part is anything with the SDK's life cycle.
type part interface {
	Name() string
	Start(ctx context.Context) (context.Context, error)
	Wait(ctx context.Context) error
	Stop() error
}

// Run runs the node until ctx ends or one of its parts fails.
func Run(ctx context.Context, s *settings.Settings) (err error) {
	account, err := newHub(ctx, s)
	if err != nil {
		return fmt.Errorf("setting up the hub account: %w", err)
	}

	sessions, err := store.Open(filepath.Join(s.Home, "data.db"))
	if err != nil {
		return err
	}

	defer func() { err = errors.Join(err, sessions.Close()) }()

	service, err := setUpService(ctx, s)
	if err != nil {
		return fmt.Errorf("setting up the service: %w", err)
	}

	place := &atomic.Pointer[geoip.Location]{}
	keep := &keeper{node: account.address(), hub: account, store: sessions, service: service}

	tasks, err := schedule(s.Every, account, keep, place)
	if err != nil {
		return err
	}

	router := api.Router(ctx, &api.Node{
		Addr: account.address(), Moniker: s.Moniker, RemoteAddrs: s.RemoteAddrs, MaxPeers: s.MaxPeers,
		Service: service, Store: sessions, Hub: account, Location: place,
	})
	tls := func(end string) string { return filepath.Join(s.Home, "tls."+end) }
	// All interfaces, TLS and plain HTTP on the one port: what the gate has to shield.
	server := cmux.NewServer("API", fmt.Sprintf(":%d", s.ListenPort), tls("crt"), tls("key"), router)

	if err := account.register(ctx, s); err != nil {
		return fmt.Errorf("registering: %w", err)
	}

	return runParts(ctx, tasks, server, asPart(service))
}

func setUpService(ctx context.Context, s *settings.Settings) (types.ServerService, error) {
	service, err := NewService(s.Service, s.Home)
	if err != nil {
		return nil, err
	}

	running, err := service.IsRunning()
	if err != nil {
		return nil, fmt.Errorf("looking whether it runs: %w", err)
	}

	if running {
		return nil, errors.New("it runs already")
	}

	return service, service.Setup(ctx)
}

// runParts starts all parts, waits until ctx ends or one fails, and stops all.
func runParts(ctx context.Context, parts ...part) error {
	started := make([]context.Context, len(parts))

	starting := &errgroup.Group{}
	for i, p := range parts {
		starting.Go(func() (err error) {
			if started[i], err = p.Start(ctx); err != nil {
				return fmt.Errorf("starting %s: %w", p.Name(), err)
			}

			return nil
		})
	}

	if err := starting.Wait(); err != nil {
		return errors.Join(err, stopParts(parts))
	}

	log.Info("Node is up")

	running, until := errgroup.WithContext(ctx)
	for i, p := range parts {
		running.Go(func() error {
			// A part that ends because the whole node ends has not failed.
			if err := p.Wait(started[i]); err != nil && ctx.Err() == nil {
				return fmt.Errorf("running %s: %w", p.Name(), err)
			}

			return nil
		})
	}

	var stopped error
	running.Go(func() error {
		<-until.Done()
		stopped = stopParts(parts)

		return nil
	})

	return errors.Join(running.Wait(), stopped)
}

func stopParts(parts []part) error {
	stopping := &errgroup.Group{}
	for _, p := range parts {
		stopping.Go(p.Stop)
	}

	return stopping.Wait()
}

// servicePart gives a service the name that the other parts have.
type servicePart struct{ types.ServerService }

func (p servicePart) Name() string { return p.Type().String() }

func asPart(s types.ServerService) part { return servicePart{s} }

var _ part = (*cron.Scheduler)(nil)
