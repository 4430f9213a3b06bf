// Package client is the stock client of the test network.
package client

import "github.com/spf13/cobra"

// Root builds the command tree. The SDK's log stays off: stdout is for the one line of JSON.
func Root(string) *cobra.Command {
	root := &cobra.Command{
		Use:               "sentinel-client",
		Short:             "Stock client: handshake and WireGuard tunnel",
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(connectCmd(), disconnectCmd(), handshakeCmd())

	return root
}
