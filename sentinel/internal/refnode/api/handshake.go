package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"cosmossdk.io/math"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/gin-gonic/gin"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"

	"sovereign-gate/sentinel/internal/refnode/store"
)

// handshake answers `POST /`. The order of the steps is the stock node's and matters: it decides
// which refusal a request with several faults gets, and that the peer is in the tunnel before the
// database may refuse it.
func (n *Node) handshake(c *gin.Context) {
	// A caller that hangs up does not stop a handshake: the session is used up all the same.
	ctx := context.WithoutCancel(c.Request.Context())

	result, refused := n.admit(ctx, c)
	if refused != nil {
		c.JSON(refused.status, types.NewResponseError(refused.code, refused.err))

		return
	}

	c.JSON(http.StatusOK, types.NewResponseResult(result))
}

func (n *Node) admit(ctx context.Context, c *gin.Context) (*node.InitHandshakeResult, *refusal) {
	if peers := n.Service.PeersLen(); peers >= n.MaxPeers {
		return nil, peerLimit(peers)
	}

	body := &node.InitHandshakeRequestBody{}
	if err := c.ShouldBindJSON(body); err != nil {
		return nil, badRequest("binding JSON request body", err)
	}

	if err := body.Verify(); err != nil {
		return nil, badRequest("verifying request body", err)
	}

	if refused := n.checkRepeat(ctx, body); refused != nil {
		return nil, refused
	}

	onHub, refused := n.checkSession(ctx, body)
	if refused != nil {
		return nil, refused
	}

	return n.addPeer(ctx, body, onHub)
}

// checkRepeat compares with the own database only, by id and by the raw bytes of the request.
func (n *Node) checkRepeat(ctx context.Context, body *node.InitHandshakeRequestBody) *refusal {
	switch taken, err := n.Store.HasID(ctx, body.ID); {
	case err != nil:
		return idLookupFailed(body.ID, err)
	case taken:
		return idTaken(body.ID)
	}

	request := base64.StdEncoding.EncodeToString(body.Data)
	switch taken, err := n.Store.HasPeerRequest(ctx, request); {
	case err != nil:
		return requestLookupFailed(request, err)
	case taken:
		return requestTaken(request)
	}

	return nil
}

func (n *Node) checkSession(ctx context.Context, body *node.InitHandshakeRequestBody) (session.Session, *refusal) {
	onHub, err := n.Hub.Session(ctx, body.ID)
	if err != nil {
		return nil, hubFailed(body.ID, err)
	}

	if onHub == nil {
		return nil, noSession(body.ID)
	}

	if status := onHub.GetStatus(); status != v1.StatusActive {
		return nil, notActive(status, v1.StatusActive)
	}

	if got := onHub.GetNodeAddress(); got != n.Addr.String() {
		return nil, otherNode(got, n.Addr)
	}

	owner, err := sdk.AccAddressFromBech32(onHub.GetAccAddress())
	if err != nil {
		return nil, badAddress(onHub.GetAccAddress(), err)
	}

	signer, err := body.AccAddr()
	if err != nil {
		return nil, badRequest("verifying request body", err)
	}

	if !signer.Equals(owner) {
		return nil, otherAccount(signer, owner)
	}

	return onHub, nil
}

func (n *Node) addPeer(
	ctx context.Context, body *node.InitHandshakeRequestBody, onHub session.Session,
) (*node.InitHandshakeResult, *refusal) {
	peerID, answer, err := n.Service.AddPeer(ctx, body.Data)
	if err != nil {
		return nil, peerFailed(err)
	}

	metadata, err := json.Marshal(answer)
	if err != nil {
		return nil, encodingFailed(err)
	}

	err = n.Store.Insert(ctx, &store.Session{
		ID:           onHub.GetID(),
		NodeAddr:     n.Addr.String(),
		AccAddr:      onHub.GetAccAddress(),
		ServiceType:  n.Service.Type().String(),
		PeerID:       peerID,
		PeerRequest:  base64.StdEncoding.EncodeToString(body.Data),
		PeerMetadata: base64.StdEncoding.EncodeToString(metadata),
		MaxBytes:     onHub.GetMaxBytes(),
		MaxDuration:  onHub.GetMaxDuration(),
		RxBytes:      math.ZeroInt(),
		TxBytes:      math.ZeroInt(),
	})
	if err != nil {
		// The peer stays in the tunnel, at the new address: so it is in the stock node.
		return nil, insertFailed(onHub.GetID(), err)
	}

	return &node.InitHandshakeResult{Addrs: n.RemoteAddrs, Data: metadata}, nil
}
