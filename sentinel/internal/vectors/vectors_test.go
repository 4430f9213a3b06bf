package vectors

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// committed is where the Rust tests read the vectors.
const committed = "../../../proto/tests/vectors"

func TestCommittedVectorsAreCurrent(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}

	for _, file := range files {
		stored, err := os.ReadFile(filepath.Join(committed, file.Name))
		if err != nil {
			t.Fatal(err)
		}

		if !bytes.Equal(stored, file.Content) {
			t.Errorf("%s is not what Sentinel's types make: run sentinel-vectors --out proto/tests/vectors", file.Name)
		}
	}
}

func TestVerdictsThatTheGateRestsOn(t *testing.T) {
	value, err := handshakes()
	if err != nil {
		t.Fatal(err)
	}

	// Only what a verdict changes for the gate's design: see also the list in peers.json.
	verifies := map[string]bool{
		"wireguard, secp256k1":         true,
		"wireguard, ed25519":           true,
		"signature high s":             false,
		"signature with recovery byte": false,
		"key name in capitals":         true,
		"id twice, last right":         true,
		"id twice, last wrong":         false,
		"second value behind":          true,
	}

	for _, h := range value.([]handshake) {
		if want, ok := verifies[h.Name]; ok && h.Verifies != want {
			t.Errorf("%s: verifies is %v, want %v (%s)", h.Name, h.Verifies, want, h.Error)
		}

		delete(verifies, h.Name)
	}

	for name := range verifies {
		t.Errorf("no vector %q", name)
	}
}
