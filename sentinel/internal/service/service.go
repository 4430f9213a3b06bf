// Package service runs one of the SDK's tunnel services by orders on standard input, one line each:
//
//	add REQUEST    adds the peer of a handshake's decoded data; prints {"id", "answer"}
//	remove ID      removes a peer, as a node does when its session has ended; prints {}
//	peers          prints {"peers": {id: bytes received}}
//
// A failed order prints {"error"}. The first line printed is {"ready": true}. The program ends with an error when the
// service breaks down, as the node does, and without one when its input ends.
package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sentinel-official/sentinel-go-sdk/types"

	"sovereign-gate/sentinel/internal/refnode/node"
)

// Run runs the service until its input ends, ctx ends, or the service breaks down.
func Run(ctx context.Context, kind types.ServiceType, home string, in io.Reader, out io.Writer) (err error) {
	server, err := node.NewService(kind, home)
	if err != nil {
		return err
	}

	if err := server.Init(false); err != nil {
		return fmt.Errorf("writing its configuration: %w", err)
	}

	if err := server.Setup(ctx); err != nil {
		return fmt.Errorf("setting it up: %w", err)
	}

	running, err := server.Start(ctx)
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}

	defer func() { err = errors.Join(err, server.Stop()) }()

	broken := make(chan error, 1)
	go func() { broken <- server.Wait(running) }()

	obeyed := make(chan error, 1)
	go func() { obeyed <- obey(running, server, in, json.NewEncoder(out)) }()

	select {
	case <-ctx.Done():
		return nil
	case err := <-obeyed:
		return err
	case err := <-broken:
		return fmt.Errorf("it broke down: %w", err)
	}
}

func obey(ctx context.Context, server types.ServerService, in io.Reader, out *json.Encoder) error {
	if err := out.Encode(map[string]any{"ready": true}); err != nil {
		return err
	}

	lines := bufio.NewScanner(in)
	for lines.Scan() {
		answer, err := order(ctx, server, lines.Text())
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}

		if err := out.Encode(answer); err != nil {
			return err
		}
	}

	return lines.Err()
}

func order(ctx context.Context, server types.ServerService, line string) (map[string]any, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "add":
		id, answer, err := server.AddPeer(ctx, []byte(rest))

		return map[string]any{"id": id, "answer": answer}, err
	case "remove":
		return map[string]any{}, server.RemovePeer(ctx, rest)
	case "peers":
		all, err := server.PeerStatistics()
		received := make(map[string]int64, len(all))
		for id, statistics := range all {
			received[id] = statistics.RxBytes
		}

		return map[string]any{"peers": received}, err
	default:
		return nil, fmt.Errorf("unknown order %q", verb)
	}
}
