// Package cli is the reference node's command line, in the shape of the stock node's.
package cli

import (
	"fmt"
	"path/filepath"

	sdkcmd "github.com/sentinel-official/sentinel-go-sdk/cmd"
	sdkconfig "github.com/sentinel-official/sentinel-go-sdk/core/config"
	"github.com/sentinel-official/sentinel-go-sdk/libs/log"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"sovereign-gate/sentinel/internal/geoip"
	"sovereign-gate/sentinel/internal/refnode/settings"
)

// program is what the commands share once flags and file are read.
type program struct {
	home   string
	base   *sdkconfig.Config
	values *viper.Viper
}

// Root builds the command tree. Standard home: `.sentinel-dvpnx`, the stock node's.
func Root(userDir string) *cobra.Command {
	var format, level string

	p := &program{base: sdkconfig.DefaultConfig()}
	root := &cobra.Command{
		Use:               "sentinel-refnode",
		Short:             "Reference node for tests, in place of the stock node",
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := log.NewLogger(cmd.OutOrStdout(), format, level)
			if err != nil {
				return fmt.Errorf("setting up the log: %w", err)
			}

			log.SetLogger(logger)

			return p.load(cmd)
		},
	}

	root.PersistentFlags().StringVar(&p.home, "home", filepath.Join(userDir, ".sentinel-dvpnx"), "directory of configuration and data")
	root.PersistentFlags().StringVar(&format, "log.format", "text", "json or text")
	root.PersistentFlags().StringVar(&level, "log.level", "info", "debug, info, warn, error or none")
	root.AddCommand(sdkcmd.NewKeysCmd(p.base.Keyring), sdkcmd.NewVersionCmd(), p.initCmd(), p.startCmd(), geoIPCmd())

	return root
}

func (p *program) load(cmd *cobra.Command) (err error) {
	if p.values, err = settings.Load(p.home, cmd.Flags()); err != nil {
		return err
	}

	if err := p.values.Unmarshal(p.base); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}

	p.base.Keyring.HomeDir, p.base.Keyring.Input = p.home, cmd.InOrStdin()

	return nil
}

func (p *program) settings() (*settings.Settings, error) {
	return settings.FromViper(p.values, p.home, p.base)
}

func (p *program) addFlags(cmd *cobra.Command) {
	p.base.SetForFlags(cmd.Flags())
	settings.AddFlags(cmd.Flags())
}

func geoIPCmd() *cobra.Command {
	var listen string

	cmd := &cobra.Command{
		Use:   "fake-geoip",
		Short: "Answer as ip-api.com does, for nodes without a network",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return geoip.Serve(cmd.Context(), listen, geoip.Default())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:80", "address to listen on")

	return cmd
}
