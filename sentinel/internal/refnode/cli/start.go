package cli

import (
	"github.com/spf13/cobra"

	"sovereign-gate/sentinel/internal/refnode/node"
)

func (p *program) startCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Register at the hub and serve until a signal comes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings()
			if err != nil {
				return err
			}

			return node.Run(cmd.Context(), s)
		},
	}
	p.addFlags(cmd)

	return cmd
}
