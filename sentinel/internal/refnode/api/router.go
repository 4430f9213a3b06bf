// Package api is the node's HTTP side: `GET /` and `POST /`, behind the middlewares that the stock
// node uses, in its order.
package api

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"
	"github.com/sentinel-official/sentinel-go-sdk/libs/gin/middlewares"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	base "github.com/sentinel-official/sentinelhub/v12/types"
	session "github.com/sentinel-official/sentinelhub/v12/x/session/types/v3"

	"sovereign-gate/sentinel/internal/refnode/store"
)

// Sessions asks the hub for a session; nil without an error means that there is none.
type Sessions interface {
	Session(ctx context.Context, id uint64) (session.Session, error)
}

// Node is what the handlers know of the node.
type Node struct {
	Addr        base.NodeAddress
	Moniker     string
	RemoteAddrs []string
	MaxPeers    int
	Service     types.ServerService
	Store       *store.Store
	Hub         Sessions
	Location    *atomic.Pointer[geoip.Location]
}

// Router builds the handler. Client addresses are what gin makes of the forwarding headers, which it
// trusts from every client, as the stock node does.
func Router(ctx context.Context, n *Node) http.Handler {
	gin.SetMode(gin.ReleaseMode)

	router := gin.New()
	router.Use(
		cors.New(cors.Config{AllowAllOrigins: true, AllowMethods: []string{http.MethodGet, http.MethodPost}}),
		middlewares.RateLimiter(ctx, nil),
	)
	router.GET("/", n.info)
	router.POST("/", n.handshake)

	return router
}
