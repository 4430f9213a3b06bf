// Package vectors makes what the Rust side is tested against: bytes and verdicts of Sentinel's own
// types. Everything is deterministic, so a second run gives the same files.
package vectors

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// File is one file of vectors.
type File struct {
	Name    string
	Content []byte
}

// Files makes all of them.
func Files() ([]File, error) {
	makers := []struct {
		name string
		make func() (any, error)
	}{
		{"addresses.json", addresses},
		{"handshakes.json", handshakes},
		{"peers.json", peers},
		{"hub.json", hub},
		{"envelopes.json", envelopes},
	}

	files := make([]File, len(makers))
	for i, m := range makers {
		value, err := m.make()
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", m.name, err)
		}

		var content bytes.Buffer
		encoder := json.NewEncoder(&content)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")

		if err := encoder.Encode(value); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", m.name, err)
		}

		files[i] = File{Name: m.name, Content: content.Bytes()}
	}

	return files, nil
}
