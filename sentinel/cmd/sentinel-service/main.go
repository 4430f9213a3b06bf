// Command sentinel-service runs one tunnel service of a node, without the node, for tests of programs beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sentinel-official/sentinel-go-sdk/types"

	"sovereign-gate/sentinel/internal/service"
)

func main() {
	kind := flag.String("type", "", "kind of the service: wireguard, v2ray or openvpn")
	home := flag.String("home", "", "home of the node")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := service.Run(ctx, types.ServiceTypeFromString(*kind), *home, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}
