package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/version"
)

// info answers `GET /`. The speeds are 0: nothing is measured.
func (n *Node) info(c *gin.Context) {
	place := n.Location.Load()
	if place == nil {
		// The stock node breaks here and the caller sees an empty reply.
		panic(http.ErrAbortHandler)
	}

	c.JSON(http.StatusOK, types.NewResponseResult(&node.GetInfoResult{
		Addr:     n.Addr.String(),
		Downlink: "0",
		Uplink:   "0",
		Location: &geoip.Location{
			City: place.City, Country: place.Country, CountryCode: place.CountryCode,
			Latitude: place.Latitude, Longitude: place.Longitude,
		},
		Moniker:     n.Moniker,
		Peers:       n.Service.PeersLen(),
		ServiceType: n.Service.Type().String(),
		Version:     version.Get(),
	}))
}
