package node

import (
	"context"
	"fmt"
	"sync"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/core"
	"github.com/sentinel-official/sentinel-go-sdk/libs/log"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	hubnode "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"

	"sovereign-gate/sentinel/internal/refnode/settings"
)

// hub is the node's own account at the chain.
type hub struct {
	*core.Client

	account sdk.AccAddress
	one     sync.Mutex // transactions of one account go one after the other
}

func newHub(ctx context.Context, s *settings.Settings) (*hub, error) {
	client, err := core.NewClientFromConfig(s.Config)
	if err != nil {
		return nil, err
	}

	client.Seal()

	name := s.Tx.GetFromName()
	addr, err := client.KeyAddr(name)
	if err != nil {
		return nil, err
	}

	account, err := client.Account(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("asking for account %s: %w", addr, err)
	}

	if account == nil {
		return nil, fmt.Errorf("account %s of key %q is not on the chain: send it coins first", addr, name)
	}

	return &hub{Client: client, account: addr}, nil
}

func (h *hub) address() base.NodeAddress { return h.account.Bytes() }

// send puts the messages into one transaction and waits until it is in a block.
func (h *hub) send(ctx context.Context, msgs ...sdk.Msg) error {
	h.one.Lock()
	defer h.one.Unlock()

	sent, done, err := h.BroadcastTxCommit(ctx, msgs...)
	if err != nil {
		return fmt.Errorf("sending %d message(s): %w", len(msgs), err)
	}

	log.Debug("Transaction is in a block", "hash", sent.Hash, "height", done.Height, "messages", len(msgs))

	return nil
}

// register makes the node known, or brings its entry up to date.
func (h *hub) register(ctx context.Context, s *settings.Settings) error {
	params, err := h.NodeParams(ctx)
	if err != nil {
		return fmt.Errorf("asking for the node parameters: %w", err)
	}

	gigabyte := accepted(s.GigabytePrices, params.GetMinGigabytePrices())
	hourly := accepted(s.HourlyPrices, params.GetMinHourlyPrices())

	known, err := h.Node(ctx, h.address())
	if err != nil {
		return fmt.Errorf("asking for the own entry: %w", err)
	}

	if known == nil {
		log.Info("Registering", "node", h.address(), "addrs", s.APIAddrs())

		return h.send(ctx, hubnode.NewMsgRegisterNodeRequest(h.account, gigabyte, hourly, s.APIAddrs()))
	}

	log.Info("Updating the own entry", "node", h.address(), "addrs", s.APIAddrs())

	return h.send(ctx, hubnode.NewMsgUpdateNodeDetailsRequest(h.address(), gigabyte, hourly, s.APIAddrs()))
}

// activate renews the active status, which ends by itself after a while.
func (h *hub) activate(ctx context.Context) error {
	return h.send(ctx, hubnode.NewMsgUpdateNodeStatusRequest(h.address(), v1.StatusActive))
}

// accepted leaves out prices in denominations that the hub has no minimum for: it would refuse them.
func accepted(prices, minimum v1.Prices) (kept v1.Prices) {
	denoms := minimum.Map()
	for _, price := range prices {
		if _, ok := denoms[price.Denom]; ok {
			kept = append(kept, price)
		}
	}

	return kept
}
