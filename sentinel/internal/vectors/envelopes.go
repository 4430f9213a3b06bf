package vectors

import (
	"encoding/json"

	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/version"
)

// envelope is one answer of the node as bytes.
type envelope struct {
	Name string `json:"name"`
	Body string `json:"body"`
}

func envelopes() (any, error) {
	list := []envelope{}
	for _, e := range []struct {
		name  string
		value any
	}{
		{"refusal", types.NewResponseError(3, "session 6 already exists in database")},
		{"refusal with quotes and angle brackets", types.NewResponseError(6, `got "a", <b> & c`)},
		{"refusal without code", types.NewResponseError(0, "")},
		{"handshake", types.NewResponseResult(&node.InitHandshakeResult{
			Addrs: []string{"127.0.0.1"},
			Data:  []byte(`{"addrs":["10.48.178.2/32"],"metadata":[{"port":17912,"public_key":"` + wireguardKey + `"}]}`),
		})},
		{"info", types.NewResponseResult(&node.GetInfoResult{
			Addr: "sentnode1…", Downlink: "1", Uplink: "2", Moniker: "name", Peers: 3, ServiceType: "wireguard",
			Location: &geoip.Location{City: "Reykjavik", Country: "Iceland", CountryCode: "IS", Latitude: 64.1466, Longitude: -21.9426},
			Version:  &version.Info{Commit: "c", Tag: "8.2.0"},
		})},
	} {
		body, err := json.Marshal(e.value)
		if err != nil {
			return nil, err
		}

		list = append(list, envelope{Name: e.name, Body: string(body)})
	}

	return list, nil
}
