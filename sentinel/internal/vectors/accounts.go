package vectors

import (
	"encoding/hex"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/sentinel-official/sentinel-go-sdk/utils"
	base "github.com/sentinel-official/sentinelhub/v12/types"
)

// Keys of no value: they are derived from public input.
func secpKey(name string) types.PrivKey {
	return secp256k1.GenPrivKeyFromSecret([]byte("sovereign gate test vector: " + name))
}

func edKey(name string) types.PrivKey {
	return ed25519.GenPrivKeyFromSecret([]byte("sovereign gate test vector: " + name))
}

func account(key types.PrivKey) sdk.AccAddress { return key.PubKey().Address().Bytes() }

// address is one key's address in the forms of all roles.
type address struct {
	Name      string `json:"name"`
	PublicKey string `json:"public_key"` // as a handshake has it
	Bytes     string `json:"bytes"`      // hex
	Account   string `json:"account"`
	Node      string `json:"node"`
	Provider  string `json:"provider"`
}

func addresses() (any, error) {
	list := []address{}
	for _, k := range []struct {
		name string
		key  types.PrivKey
	}{
		{"alice, secp256k1", secpKey("alice")},
		{"bob, secp256k1", secpKey("bob")},
		{"node, secp256k1", secpKey("node")},
		{"carol, ed25519", edKey("carol")},
	} {
		raw := account(k.key)
		list = append(list, address{
			Name:      k.name,
			PublicKey: utils.EncodePubKey(k.key.PubKey()),
			Bytes:     hex.EncodeToString(raw),
			Account:   raw.String(),
			Node:      base.NodeAddress(raw).String(),
			Provider:  base.ProvAddress(raw).String(),
		})
	}

	return list, nil
}
