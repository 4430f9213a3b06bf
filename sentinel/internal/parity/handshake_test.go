//go:build stack

package parity

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/cosmos/cosmos-sdk/crypto/types"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/utils"
	"github.com/sentinel-official/sentinel-go-sdk/wireguard"
)

// peerRequest is the data of a handshake with a new tunnel key.
func peerRequest(t *testing.T) []byte {
	t.Helper()

	key, err := wireguard.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}

	data, err := json.Marshal(&wireguard.PeerRequest{PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}

	return data
}

// signed is a handshake by one of the hub's keys.
func (h *hub) signed(t *testing.T, key string, session uint64, data []byte) *node.InitHandshakeRequestBody {
	t.Helper()

	body := &node.InitHandshakeRequestBody{ID: session, Data: data}

	signature, pubKey, err := h.as(t, key).Sign(key, body.Msg())
	if err != nil {
		t.Fatal(err)
	}

	body.PubKey, body.Signature = utils.EncodePubKey(pubKey), base64.StdEncoding.EncodeToString(signature)

	return body
}

func signedBy(t *testing.T, key types.PrivKey, session uint64, data []byte) *node.InitHandshakeRequestBody {
	t.Helper()

	body := &node.InitHandshakeRequestBody{ID: session, Data: data, PubKey: utils.EncodePubKey(key.PubKey())}

	signature, err := key.Sign(body.Msg())
	if err != nil {
		t.Fatal(err)
	}

	body.Signature = base64.StdEncoding.EncodeToString(signature)

	return body
}

func encode(t *testing.T, body *node.InitHandshakeRequestBody) []byte {
	t.Helper()

	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}

	return text
}
