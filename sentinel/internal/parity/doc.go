// Package parity holds the test that compares the reference node with the table of the stock node's
// answers, and, when SENTINEL_DVPNX_BIN names a real node, that one with the same table.
//
// It starts a real hub, nodes and clients in network namespaces, so it needs root and the tag `stack`:
//
//	go test -tags stack -count 1 -v ./internal/parity
//
// Programs are taken from target/stock; STOCK_DIR names another directory.
package parity
