// Command sentinel-refnode is the reference node of the test network: it behaves at its API, in its
// database and towards the hub as the stock node does, on the SDK's own services.
package main

import (
	"context"
	"os"

	"github.com/sentinel-official/sentinel-go-sdk/app"
	"github.com/sentinel-official/sentinel-go-sdk/version"

	"sovereign-gate/sentinel/internal/refnode/cli"
)

func main() {
	// Clients see this in `GET /`: the stock version whose behaviour this program follows.
	version.Tag, version.Commit = "8.2.0", "reference"

	os.Exit(app.Run(context.Background(), cli.Root))
}
