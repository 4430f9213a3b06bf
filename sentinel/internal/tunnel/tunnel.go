// Package tunnel brings up a WireGuard interface in the current network namespace from the SDK's
// client configuration.
//
// The SDK's own way is wg-quick with a kill switch and a default route. In a test's namespace that
// would cut off the stack's own network and wants a resolver, so only the tunnel's own subnet is
// routed; keys, peer, addresses and cryptographic routing are as the SDK has them.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
)

// ErrNoHandshake says that the node's end never answered.
var ErrNoHandshake = errors.New("the node's end of the tunnel does not answer")

// Up makes the interface, sets it up, and waits until the node's end has answered. On failure it
// leaves nothing behind.
func Up(ctx context.Context, cfg *wireguard.ClientConfig, routes []netip.Prefix) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}

	if err := create(ctx, cfg.Name); err != nil {
		return err
	}

	defer func() {
		if err != nil {
			// The caller's time may be up, the clearing away still has to happen.
			err = errors.Join(err, Down(context.WithoutCancel(ctx), cfg.Name))
		}
	}()

	if err := run(ctx, configuration(cfg), "wg", "setconf", cfg.Name, "/dev/stdin"); err != nil {
		return err
	}

	for _, addr := range cfg.Addrs {
		if err := run(ctx, "", "ip", "address", "add", addr, "dev", cfg.Name); err != nil {
			return err
		}
	}

	if err := run(ctx, "", "ip", "link", "set", "mtu", fmt.Sprint(cfg.MTU), "up", "dev", cfg.Name); err != nil {
		return err
	}

	for _, route := range routes {
		if err := run(ctx, "", "ip", "route", "add", route.Masked().String(), "dev", cfg.Name); err != nil {
			return err
		}
	}

	return awaitHandshake(ctx, cfg.Name)
}

// Down removes the interface; wireguard-go ends with it.
func Down(ctx context.Context, name string) error {
	return run(ctx, "", "ip", "link", "delete", "dev", name)
}

// create takes the kernel's WireGuard where there is one, else wireguard-go, which puts itself into
// the background once the interface is there.
func create(ctx context.Context, name string) error {
	if run(ctx, "", "ip", "link", "add", "dev", name, "type", "wireguard") == nil {
		return nil
	}

	return run(ctx, "", "wireguard-go", name)
}

// configuration is what `wg setconf` reads; keys go by stdin, so no process list shows them.
func configuration(cfg *wireguard.ClientConfig) string {
	return fmt.Sprintf("[Interface]\nPrivateKey = %s\nListenPort = %d\n\n"+
		"[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s\nPersistentKeepalive = %d\n",
		cfg.PrivateKey, cfg.Port,
		cfg.Peer.PublicKey, cfg.Peer.Endpoint(), strings.Join(cfg.Peer.AllowAddrs, ", "), cfg.Peer.PersistentKeepalive)
}

// pollInterval is short beside a handshake's round trip and long beside a run of `wg`.
const pollInterval = 50 * time.Millisecond

func awaitHandshake(ctx context.Context, name string) error {
	for {
		output, err := exec.CommandContext(ctx, "wg", "show", name, "latest-handshakes").Output()
		if err == nil && answered(string(output)) {
			return nil
		}

		select {
		case <-ctx.Done():
			return ErrNoHandshake
		case <-time.After(pollInterval):
		}
	}
}

// answered reads lines of a key, a tab, and the time of the last handshake, 0 for never.
func answered(output string) bool {
	for line := range strings.Lines(output) {
		if _, at, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && at != "0" {
			return true
		}
	}

	return false
}

func run(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)

	// wireguard-go's background process inherits the pipes: do not wait for it to close them.
	cmd.WaitDelay = 100 * time.Millisecond

	output, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}

	return nil
}
