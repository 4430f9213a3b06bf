// Command sentinel-client is a stock client: the SDK's own handshake, then a WireGuard tunnel in the
// network namespace that it runs in.
package main

import (
	"context"
	"os"

	"github.com/sentinel-official/sentinel-go-sdk/app"

	"sovereign-gate/sentinel/internal/client"
)

func main() {
	os.Exit(app.Run(context.Background(), client.Root))
}
