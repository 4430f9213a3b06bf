package client

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sentinel-official/sentinel-go-sdk/core"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
	"github.com/spf13/cobra"
)

// errRefused makes the exit code 1; the answer itself is on stdout.
var errRefused = errors.New("the handshake was refused")

// transcript is the line that `handshake` prints.
type transcript struct {
	Request *node.InitHandshakeRequestBody `json:"request"`
	Info    *answer                        `json:"info,omitempty"`
	Answer  *answer                        `json:"answer,omitempty"`
}

func handshakeCmd() *cobra.Command {
	var (
		f      flags
		data   string
		dryRun bool
	)

	cmd := &cobra.Command{
		Use:   "handshake",
		Short: "Make the two calls only and print request and answers as one line of JSON",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line, err := f.transcript(cmd.Context(), []byte(data), dryRun)
			if err != nil {
				return err
			}

			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(line); err != nil {
				return err
			}

			if line.Answer != nil && !line.Answer.success() {
				return errRefused
			}

			return nil
		},
	}

	f.add(cmd)
	cmd.Flags().StringVar(&data, "data", "", "peer request to send as it is, instead of one with a WireGuard key")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the signed request and send nothing")

	return cmd
}

func (f *flags) transcript(ctx context.Context, data []byte, dryRun bool) (*transcript, error) {
	if len(data) == 0 {
		cfg := wireguard.DefaultClientConfig()
		if err := f.tunnelKey(cfg); err != nil {
			return nil, err
		}

		var err error
		if data, err = json.Marshal(&wireguard.PeerRequest{PublicKey: cfg.GetPrivateKey().Public()}); err != nil {
			return nil, err
		}
	}

	c, err := core.NewClientFromConfig(f.account().config("http://127.0.0.1:1", f.timeout))
	if err != nil {
		return nil, err
	}

	line := &transcript{}
	if line.Request, err = signed(c, f.key, f.session, data); err != nil || dryRun {
		return line, err
	}

	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	body, err := json.Marshal(line.Request)
	if err != nil {
		return nil, err
	}

	if line.Info, err = exchange(ctx, f.target, nil); err != nil {
		return nil, err
	}

	line.Answer, err = exchange(ctx, f.target, body)

	return line, err
}
