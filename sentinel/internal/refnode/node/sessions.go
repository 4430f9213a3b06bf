package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/libs/log"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"

	"sovereign-gate/sentinel/internal/refnode/store"
)

// chain is what looking after sessions needs of the hub.
type chain interface {
	Session(ctx context.Context, id uint64) (session.Session, error)
	send(ctx context.Context, msgs ...sdk.Msg) error
}

// keeper looks after the sessions that were let in. It never adds a peer: that is why a restart
// leaves sessions in the database whose peers are gone from the tunnel.
type keeper struct {
	node    base.NodeAddress
	hub     chain
	store   *store.Store
	service types.ServerService
}

// countUsage copies the tunnel's counters into the database. Peers whose counters have not moved for
// longer than the interval are left alone.
func (k *keeper) countUsage(ctx context.Context, interval time.Duration) error {
	statistics, err := k.service.PeerStatistics()
	if err != nil {
		return err
	}

	var errs []error
	for peer, s := range statistics {
		if time.Since(s.UpdatedAt) > interval {
			continue
		}

		rx, tx := strconv.FormatInt(s.RxBytes, 10), strconv.FormatInt(s.TxBytes, 10)
		errs = append(errs, k.store.SetUsage(ctx, peer, rx, tx))
	}

	return errors.Join(errs...)
}

// reportUsage tells the hub what was used, all sessions in one transaction as the stock node does:
// one bad report holds up the others.
func (k *keeper) reportUsage(ctx context.Context) error {
	known, err := k.store.OfNode(ctx, k.node.String())
	if err != nil {
		return err
	}

	var reports []sdk.Msg
	for _, s := range known {
		onHub, err := k.hub.Session(ctx, s.ID)
		if err != nil {
			return fmt.Errorf("asking for session %d: %w", s.ID, err)
		}

		if onHub == nil || onHub.GetUploadBytes().Equal(s.RxBytes) {
			continue
		}

		// What the node sends is the user's download.
		reports = append(reports, session.NewMsgUpdateSessionRequest(k.node, s.ID, s.TxBytes, s.RxBytes, s.Duration, nil))
	}

	if len(reports) == 0 {
		return nil
	}

	return k.hub.send(ctx, reports...)
}

// enforceLimits removes peers that used up what they paid for.
func (k *keeper) enforceLimits(ctx context.Context) error {
	known, err := k.store.OfNode(ctx, k.node.String())
	if err != nil {
		return err
	}

	var errs []error
	for _, s := range known {
		if s.ServiceType == k.service.Type().String() && s.Exceeded() {
			errs = append(errs, k.removePeer(ctx, &s))
		}
	}

	return errors.Join(errs...)
}

// forgetEnded removes peers whose session is no longer active on the hub, and the row once the hub
// has no such session at all.
func (k *keeper) forgetEnded(ctx context.Context) error {
	known, err := k.store.OfNode(ctx, k.node.String())
	if err != nil {
		return err
	}

	for _, s := range known {
		onHub, err := k.hub.Session(ctx, s.ID)
		if err != nil {
			return fmt.Errorf("asking for session %d: %w", s.ID, err)
		}

		if onHub != nil && onHub.GetStatus() == v1.StatusActive {
			continue
		}

		if s.ServiceType == k.service.Type().String() {
			if err := k.removePeer(ctx, &s); err != nil {
				return err
			}
		}

		if onHub == nil {
			log.Info("Session has left the hub", "id", s.ID, "peer", s.PeerID)

			if err := k.store.Delete(ctx, s.ID); err != nil {
				return fmt.Errorf("deleting session %d: %w", s.ID, err)
			}
		}
	}

	return nil
}

func (k *keeper) removePeer(ctx context.Context, s *store.Session) error {
	there, err := k.service.HasPeer(ctx, s.PeerID)
	if err != nil || !there {
		return err
	}

	if err := k.service.RemovePeer(ctx, s.PeerID); err != nil {
		return fmt.Errorf("removing peer %q of session %d: %w", s.PeerID, s.ID, err)
	}

	log.Info("Peer removed", "id", s.ID, "peer", s.PeerID)

	return nil
}
