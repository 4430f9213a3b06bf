// Command v2ray is the stock V2Ray: nodes run a program of this name, and so do their clients.
package main

import (
	"github.com/v2fly/v2ray-core/v5/main/commands"
	"github.com/v2fly/v2ray-core/v5/main/commands/base"
	_ "github.com/v2fly/v2ray-core/v5/main/distro/all" // every protocol and transport
)

func main() {
	base.RegisterCommand(commands.CmdRun)
	base.Execute()
}
