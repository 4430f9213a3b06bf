package client

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	base "github.com/sentinel-official/sentinelhub/v12/types"
	v1 "github.com/sentinel-official/sentinelhub/v12/types/v1"
	hubnode "github.com/sentinel-official/sentinelhub/v12/x/node/types/v3"
)

// The SDK's client asks the hub where a node is. A test says it by URL instead, so this directory
// stands in for the hub on loopback: it answers the one query with the one address. All the rest of
// the SDK's client runs unchanged.
type directory struct {
	answer []byte
}

func newDirectory(node base.NodeAddress, hostPort string) (*directory, error) {
	entry := hubnode.QueryNodeResponse{Node: hubnode.Node{
		Address: node.String(), RemoteAddrs: []string{hostPort}, Status: v1.StatusActive,
	}}

	answer, err := entry.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encoding the node's entry: %w", err)
	}

	return &directory{answer: answer}, nil
}

const queryNodePath = "/sentinel.node.v3.QueryService/QueryNode"

// maxQueryBytes bounds what is read of a query; the real ones have some hundred bytes.
const maxQueryBytes = 1 << 16

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage `json:"id"`
		Params struct {
			Path string `json:"path"`
		} `json:"params"`
	}

	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQueryBytes)).Decode(&call)
	if err != nil || call.Params.Path != queryNodePath {
		http.Error(w, "this directory knows the way to one node and nothing else", http.StatusNotImplemented)

		return
	}

	type response struct {
		Code   uint32 `json:"code"`
		Value  []byte `json:"value"`
		Height string `json:"height"`
	}

	w.Header().Set("Content-Type", "application/json")
	// The caller is this same process.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"jsonrpc": "2.0",
		"id":      call.ID,
		"result":  map[string]any{"response": response{Value: d.answer, Height: "1"}},
	})
}

// serve starts the directory on a free loopback port and gives its address.
func (d *directory) serve() (addr string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}

	server := &http.Server{Handler: d, ReadHeaderTimeout: maxWait}
	go func() { _ = server.Serve(listener) }()

	return "http://" + listener.Addr().String(), server.Close, nil
}
