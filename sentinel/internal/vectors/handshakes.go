package vectors

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/cosmos/cosmos-sdk/crypto/types"
	"github.com/gin-gonic/gin/binding"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/utils"
)

// handshake is a body and what the node's own parser and verifier make of it. The gate may be
// stricter, never laxer.
type handshake struct {
	Name     string `json:"name"`
	Body     string `json:"body"`              // the request body, byte for byte
	Parses   bool   `json:"parses"`            // false: code 2 before any cryptography
	Verifies bool   `json:"verifies"`          // signature and key are right
	Error    string `json:"error,omitempty"`   // why not, in the SDK's words
	ID       uint64 `json:"id,omitempty"`      // as the node reads it
	Data     string `json:"data,omitempty"`    // base64 of the decoded data bytes
	Message  string `json:"message,omitempty"` // hex of the signed bytes
	Account  string `json:"account,omitempty"` // of the public key
}

const wireguardKey = "as+rf/Q1aqOThrG5/HtPOcrrFkpb+tah1haHl33f3iU="

func wireguardData() []byte { return []byte(`{"public_key":"` + wireguardKey + `"}`) }

func sign(key types.PrivKey, id uint64, data []byte) (*node.InitHandshakeRequestBody, error) {
	body := &node.InitHandshakeRequestBody{ID: id, Data: data, PubKey: utils.EncodePubKey(key.PubKey())}

	signature, err := key.Sign(body.Msg())
	if err != nil {
		return nil, err
	}

	body.Signature = base64.StdEncoding.EncodeToString(signature)

	return body, nil
}

func handshakes() (any, error) {
	good, err := sign(secpKey("alice"), 3, wireguardData())
	if err != nil {
		return nil, err
	}

	list, err := signedHandshakes()
	if err != nil {
		return nil, err
	}

	list = append(list, faultyHandshakes(good)...)
	list = append(list, oddHandshakes(good)...)

	for i := range list {
		judge(&list[i])
	}

	return list, nil
}

// signedHandshakes are as clients send them.
func signedHandshakes() (list []handshake, err error) {
	uuid := []byte(`{"uuid":[246,190,25,198,51,222,71,59,135,101,47,40,132,115,226,170]}`)

	for _, c := range []struct {
		name string
		key  types.PrivKey
		id   uint64
		data []byte
	}{
		{"wireguard, secp256k1", secpKey("alice"), 3, wireguardData()},
		{"wireguard, ed25519", edKey("carol"), 3, wireguardData()},
		{"uuid, secp256k1", secpKey("bob"), 12345678901, uuid},
		{"uuid, ed25519", edKey("carol"), 12345678901, uuid},
		{"id 1", secpKey("alice"), 1, wireguardData()},
		{"largest id", secpKey("alice"), math.MaxUint64, wireguardData()},
		{"data that is no JSON", secpKey("alice"), 3, []byte{0, 1, 2, 255}},
		{"data of one byte", secpKey("alice"), 3, []byte("x")},
	} {
		body, err := sign(c.key, c.id, c.data)
		if err != nil {
			return nil, err
		}

		list = append(list, handshake{Name: c.name, Body: text(body)})
	}

	return list, nil
}

// faultyHandshakes change one thing of a good one.
func faultyHandshakes(good *node.InitHandshakeRequestBody) []handshake {
	change := func(name string, with func(b *node.InitHandshakeRequestBody)) handshake {
		body := *good
		with(&body)

		return handshake{Name: name, Body: text(&body)}
	}
	signature, _ := base64.StdEncoding.DecodeString(good.Signature)

	return []handshake{
		change("other id", func(b *node.InitHandshakeRequestBody) { b.ID = 4 }),
		change("other data", func(b *node.InitHandshakeRequestBody) { b.Data = append(wireguardData(), ' ') }),
		change("other key", func(b *node.InitHandshakeRequestBody) { b.PubKey = utils.EncodePubKey(secpKey("bob").PubKey()) }),
		change("key of another type", func(b *node.InitHandshakeRequestBody) { b.PubKey = utils.EncodePubKey(edKey("carol").PubKey()) }),
		change("type not known", func(b *node.InitHandshakeRequestBody) {
			b.PubKey = strings.Replace(b.PubKey, "secp256k1", "sr25519", 1)
		}),
		change("type in capitals", func(b *node.InitHandshakeRequestBody) { b.PubKey = strings.Replace(b.PubKey, "secp", "SECP", 1) }),
		change("key without type", func(b *node.InitHandshakeRequestBody) { b.PubKey = strings.TrimPrefix(b.PubKey, "secp256k1:") }),
		change("key too short", func(b *node.InitHandshakeRequestBody) { b.PubKey = "secp256k1:AAAA" }),
		change("key is no point", func(b *node.InitHandshakeRequestBody) {
			b.PubKey = "secp256k1:" + base64.StdEncoding.EncodeToString(append([]byte{2}, make([]byte, 32)...))
		}),
		change("key uncompressed prefix", func(b *node.InitHandshakeRequestBody) {
			b.PubKey = "secp256k1:" + base64.StdEncoding.EncodeToString(append([]byte{4}, good.Msg()[:32]...))
		}),
		change("signature high s", func(b *node.InitHandshakeRequestBody) { b.Signature = highS(signature) }),
		change("signature cut", func(b *node.InitHandshakeRequestBody) { b.Signature = encode(signature[:63]) }),
		change("signature with recovery byte", func(b *node.InitHandshakeRequestBody) { b.Signature = encode(append(signature, 0)) }),
		change("signature of zeros", func(b *node.InitHandshakeRequestBody) { b.Signature = encode(make([]byte, 64)) }),
		change("signature in the URL alphabet", func(b *node.InitHandshakeRequestBody) { b.Signature = base64.URLEncoding.EncodeToString(signature) }),
		change("signature without padding", func(b *node.InitHandshakeRequestBody) { b.Signature = base64.RawStdEncoding.EncodeToString(signature) }),
		change("signature empty", func(b *node.InitHandshakeRequestBody) { b.Signature = "" }),
		change("key empty", func(b *node.InitHandshakeRequestBody) { b.PubKey = "" }),
		change("data empty", func(b *node.InitHandshakeRequestBody) { b.Data = []byte{} }),
		change("id zero", func(b *node.InitHandshakeRequestBody) { b.ID = 0 }),
	}
}

// oddHandshakes have the right content in an unusual form.
func oddHandshakes(good *node.InitHandshakeRequestBody) []handshake {
	usual := text(good)
	id, data := `"id":3`, `"data":"`+encode(good.Data)+`"`
	replace := func(old, by string) string { return strings.Replace(usual, old, by, 1) }

	return []handshake{
		{Name: "unknown field", Body: replace("{", `{"extra":[1,{"a":null}],`)},
		{Name: "white space", Body: " \r\n\t" + replace(",", " ,\n") + "\n"},
		{Name: "key name in capitals", Body: replace(`"id"`, `"ID"`)},
		{Name: "key name with a Kelvin sign", Body: replace(`"pub_key"`, "\"pub_\u212Aey\"")},
		{Name: "key name escaped", Body: replace(`"id"`, `"\u0069d"`)},
		{Name: "id twice, last right", Body: replace("{", `{"id":4,`)},
		{Name: "id twice, last wrong", Body: replace("}", `,"id":4}`)},
		{Name: "id twice, once in capitals", Body: replace("}", `,"ID":4}`)},
		{Name: "data twice", Body: replace("{", `{"data":"AAAA",`)},
		{Name: "id as a string", Body: replace(id, `"id":"3"`)},
		{Name: "id with a fraction", Body: replace(id, `"id":3.0`)},
		{Name: "id with an exponent", Body: replace(id, `"id":3e0`)},
		{Name: "id with a leading zero", Body: replace(id, `"id":03`)},
		{Name: "id negative", Body: replace(id, `"id":-3`)},
		{Name: "id too large", Body: replace(id, `"id":18446744073709551616`)},
		{Name: "id null", Body: replace(id, `"id":null`)},
		{Name: "id missing", Body: replace(id+",", "")},
		{Name: "data with a line break in base64", Body: replace(data, `"data":"`+encode(good.Data)[:8]+`\n`+encode(good.Data)[8:]+`"`)},
		{Name: "data as an array", Body: replace(data, `"data":[1,2]`)},
		{Name: "data without padding", Body: replace(data, `"data":"`+strings.TrimRight(encode(good.Data), "=")+`"`)},
		{Name: "key with spaces around", Body: replace(good.PubKey, " "+good.PubKey+" ")},
		{Name: "second value behind", Body: usual + `{"id":4}`},
		{Name: "garbage behind", Body: usual + `x`},
		{Name: "array", Body: "[" + usual + "]"},
		{Name: "null", Body: "null"},
		{Name: "empty", Body: ""},
		{Name: "cut", Body: usual[:len(usual)/2]},
		{Name: "byte order mark", Body: "\ufeff" + usual},
	}
}

// judge lets the node's own code decide: gin's binding, then the SDK.
func judge(h *handshake) {
	var body node.InitHandshakeRequestBody
	if err := binding.JSON.BindBody([]byte(h.Body), &body); err != nil {
		h.Error = err.Error()

		return
	}

	h.Parses, h.ID, h.Data = true, body.ID, encode(body.Data)
	h.Message = hex.EncodeToString(body.Msg())

	if addr, err := body.AccAddr(); err == nil {
		h.Account = addr.String()
	}

	if err := body.Verify(); err != nil {
		h.Error = err.Error()

		return
	}

	h.Verifies = true
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func text(body *node.InitHandshakeRequestBody) string {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("a struct of strings and numbers encodes: %v", err))
	}

	return string(encoded)
}

// highS is the other signature that plain ECDSA would take: (r, n - s).
func highS(signature []byte) string {
	order, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
	s := new(big.Int).Sub(order, new(big.Int).SetBytes(signature[32:]))

	return encode(append(append([]byte{}, signature[:32]...), s.FillBytes(make([]byte, 32))...))
}
