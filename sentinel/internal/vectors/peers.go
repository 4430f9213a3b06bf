package vectors

import (
	"encoding/json"

	"github.com/sentinel-official/sentinel-go-sdk/v2ray"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
)

// peer is the data of a handshake and what the node's service makes of it.
type peer struct {
	Name     string `json:"name"`
	Service  string `json:"service"`
	Data     string `json:"data"`
	Accepted bool   `json:"accepted"`
	PeerID   string `json:"peer_id,omitempty"`
	Error    string `json:"error,omitempty"`
}

func peers() (any, error) {
	list := append(wireguardPeers(), uuidPeers()...)
	for i := range list {
		p := &list[i]

		id, err := peerID(p.Service, []byte(p.Data))
		if err != nil {
			p.Error = err.Error()

			continue
		}

		p.Accepted, p.PeerID = true, id
	}

	return list, nil
}

func wireguardPeers() []peer {
	entry := func(name, data string) peer { return peer{Name: name, Service: "wireguard", Data: data} }
	key := func(text string) string { return `{"public_key":"` + text + `"}` }
	usual := key(wireguardKey)

	return []peer{
		entry("usual", usual),
		entry("white space around", " "+usual+"\n"),
		entry("white space inside", `{ "public_key" : "`+wireguardKey+`" }`),
		entry("unknown field", `{"a":1,"public_key":"`+wireguardKey+`"}`),
		entry("name in capitals", `{"PUBLIC_KEY":"`+wireguardKey+`"}`),
		entry("name with a Kelvin sign", "{\"public_\u212Aey\":\""+wireguardKey+"\"}"),
		entry("name escaped", `{"public\u005fkey":"`+wireguardKey+`"}`),
		entry("twice", `{"public_key":"AAAA","public_key":"`+wireguardKey+`"}`),
		entry("twice, last in capitals", `{"public_key":"`+wireguardKey+`","Public_Key":"//////////////////////////////////////////8="}`),
		entry("line break in base64", key(wireguardKey[:8]+`\n`+wireguardKey[8:])),
		entry("loose bits in base64", key(wireguardKey[:42]+"V=")),
		entry("without padding", key(wireguardKey[:43])),
		entry("URL alphabet", key("as-rf_Q1aqOThrG5_HtPOcrrFkpb-tah1haHl33f3iU=")),
		entry("escaped slash", key(`as+rf\/Q1aqOThrG5\/HtPOcrrFkpb+tah1haHl33f3iU=`)),
		entry("too short", key("AAAA")),
		entry("zero", key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
		entry("null", `{"public_key":null}`),
		entry("a number", `{"public_key":1}`),
		entry("missing", `{}`),
		entry("a uuid", `{"uuid":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}`),
		entry("no object", `"`+wireguardKey+`"`),
		entry("garbage behind", usual+"x"),
		entry("second value behind", usual+"{}"),
	}
}

func uuidPeers() []peer {
	entry := func(name, data string) peer { return peer{Name: name, Service: "v2ray", Data: data} }
	usual := `{"uuid":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`

	return []peer{
		entry("usual", usual),
		entry("white space", `{"uuid":[246, 190,25,198,51,222,71,59,135,101,47,40,132,115,226,170] }`),
		entry("name in capitals", `{"UUID":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`),
		entry("one short", `{"uuid":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226]}`),
		entry("one too many", `{"uuid":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170,1]}`),
		entry("out of range", `{"uuid":[256,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`),
		entry("negative", `{"uuid":[-1,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`),
		entry("null inside", `{"uuid":[null,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`),
		entry("as text", `{"uuid":"f6be19c6-33de-473b-8765-2f288473e2aa"}`),
		entry("null", `{"uuid":null}`),
		entry("missing", `{}`),
		entry("twice", `{"uuid":[0],"uuid":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`),
	}
}

// peerID does what the services do with a request's bytes before they act on it.
func peerID(service string, data []byte) (string, error) {
	if service == "v2ray" {
		var request v2ray.PeerRequest
		if err := json.Unmarshal(data, &request); err != nil {
			return "", err
		}

		return request.ID(), request.Validate()
	}

	var request wireguard.PeerRequest
	if err := json.Unmarshal(data, &request); err != nil {
		return "", err
	}

	return request.ID(), request.Validate()
}
