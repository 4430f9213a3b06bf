// Command xray is the stock Xray: nodes from v9 on run a program of this name.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/xtls/xray-core/common/cmdarg"
	"github.com/xtls/xray-core/core"
	_ "github.com/xtls/xray-core/main/distro/all" // every protocol and transport
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: xray CONFIG.json")
		os.Exit(64)
	}

	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	config, err := core.LoadConfig("json", cmdarg.Arg{path})
	if err != nil {
		return err
	}

	server, err := core.New(config)
	if err != nil {
		return err
	}

	if err := server.Start(); err != nil {
		return err
	}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop

	return server.Close()
}
