package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"github.com/sentinel-official/sentinel-go-sdk/core"
	"github.com/sentinel-official/sentinel-go-sdk/node"
	"github.com/sentinel-official/sentinel-go-sdk/utils"
)

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 1 << 20

// signed makes the handshake body for these data bytes, with the SDK's types.
func signed(c *core.Client, key string, session uint64, data []byte) (*node.InitHandshakeRequestBody, error) {
	body := &node.InitHandshakeRequestBody{ID: session, Data: data}

	signature, pubKey, err := c.Sign(key, body.Msg())
	if err != nil {
		return nil, err
	}

	body.PubKey = utils.EncodePubKey(pubKey)
	body.Signature = base64.StdEncoding.EncodeToString(signature)

	return body, nil
}

// answer is an HTTP answer as it came. Body is JSON if it was, else a string.
type answer struct {
	Status int             `json:"status"`
	Header http.Header     `json:"header"`
	Body   json.RawMessage `json:"body"`
}

func (a *answer) success() bool {
	var envelope struct {
		Success bool `json:"success"`
	}

	return json.Unmarshal(a.Body, &envelope) == nil && envelope.Success
}

// exchange makes one call on a connection of its own; a nil body makes it a GET.
func exchange(ctx context.Context, to *target, body []byte) (*answer, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as stock clients do
	}}

	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}

	request, err := http.NewRequestWithContext(ctx, method, to.url(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}

	request.Header.Set("Content-Type", "application/json; charset=utf-8")

	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}

	defer func() { _ = response.Body.Close() }()

	read, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, err
	}

	if !json.Valid(read) {
		if read, err = json.Marshal(string(read)); err != nil {
			return nil, err
		}
	}

	return &answer{Status: response.StatusCode, Header: response.Header, Body: read}, nil
}
