package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sentinel-official/sentinel-go-sdk/libs/crypto"
	"github.com/sentinel-official/sentinel-go-sdk/libs/log"
	"github.com/spf13/cobra"

	"sovereign-gate/sentinel/internal/refnode/node"
	"sovereign-gate/sentinel/internal/refnode/settings"
)

func (p *program) initCmd() *cobra.Command {
	var force, skipTLS, skipService bool

	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write the home's configuration, certificate and service directory",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings()
			if err != nil {
				return err
			}

			if err := os.MkdirAll(p.home, 0o700); err != nil {
				return err
			}

			if err := p.writeConfig(cmd, force); err != nil {
				return fmt.Errorf("writing the configuration: %w", err)
			}

			if !skipTLS {
				if err := issueCertificate(s); err != nil {
					return fmt.Errorf("issuing the certificate: %w", err)
				}
			}

			if skipService {
				return nil
			}

			service, err := node.NewService(s.Service, p.home)
			if err != nil {
				return err
			}

			return service.Init(force)
		},
	}

	p.addFlags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "write over what is there")
	cmd.Flags().BoolVar(&skipTLS, "skip-tls", false, "leave key and certificate of the API alone")
	cmd.Flags().BoolVar(&skipService, "skip-service", false, "leave the tunnel service's directory alone")

	return cmd
}

func (p *program) writeConfig(cmd *cobra.Command, force bool) error {
	file := filepath.Join(p.home, settings.FileName)
	if _, err := os.Stat(file); err == nil && !force {
		log.Info("Configuration is there and stays", "file", file)

		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	return settings.Write(p.home, p.values, cmd.Flags())
}

// issueCertificate makes an own authority and the API's certificate, which no client checks.
func issueCertificate(s *settings.Settings) error {
	pki := crypto.NewPKI(s.Home)
	if err := pki.Init(); err != nil {
		return err
	}

	_, _, err := pki.Issue("tls", crypto.CertSAN(s.RemoteAddrs...))

	return err
}
