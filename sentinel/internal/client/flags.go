package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	"github.com/spf13/cobra"
)

// flags are what connect and handshake have in common.
type flags struct {
	url, via, node        string
	key, keyHome, chainID string
	tunnelKeyFile         string
	session               uint64
	timeout               time.Duration
	target                *target
	nodeAddr              base.NodeAddress
}

func (f *flags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "where the node (or its gate) is, http or https")
	cmd.Flags().StringVar(&f.via, "via", "", "host in place of a loopback host, in the URL and in the node's answer")
	cmd.Flags().StringVar(&f.node, "node", "", "address of the node, sentnode1…")
	cmd.Flags().StringVar(&f.key, "key", "", "name of the account's key")
	cmd.Flags().StringVar(&f.keyHome, "keyring-home", "", "directory that holds keyring-test")
	cmd.Flags().StringVar(&f.chainID, "chain-id", "sentinel-local", "chain of the session")
	cmd.Flags().Uint64Var(&f.session, "session", 0, "id of the session on the hub")
	cmd.Flags().DurationVar(&f.timeout, "timeout", maxWait, "time for the two calls, and again for the tunnel")
	cmd.Flags().StringVar(&f.tunnelKeyFile, "tunnel-key-file", "",
		"file with the WireGuard private key, made if it is not there; without it the key is new each time")

	for _, name := range []string{"url", "node", "key", "keyring-home", "session"} {
		_ = cmd.MarkFlagRequired(name)
	}

	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if f.target, err = parseTarget(f.url, f.via); err != nil {
			return err
		}

		f.nodeAddr, err = base.NodeAddressFromBech32(f.node)

		return err
	}
}

func (f *flags) account() account {
	return account{key: f.key, home: f.keyHome, chainID: f.chainID}
}

// tunnelKey reads the private key from the file, or writes the fresh one there.
func (f *flags) tunnelKey(cfg *wireguard.ClientConfig) error {
	if f.tunnelKeyFile == "" {
		return nil
	}

	text, err := os.ReadFile(f.tunnelKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(f.tunnelKeyFile, []byte(cfg.PrivateKey+"\n"), 0o600)
	}

	if err != nil {
		return err
	}

	key, err := wireguard.NewKeyFromString(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("reading %q: %w", f.tunnelKeyFile, err)
	}

	cfg.PrivateKey = key.String()

	return nil
}
