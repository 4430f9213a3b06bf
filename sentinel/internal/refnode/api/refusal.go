package api

import (
	"fmt"
	"net/http"
)

// A refusal is one row of the node's table of answers. Clients and the gate see status, code and
// message, so all three are the stock node's.
type refusal struct {
	status int
	code   int
	err    error
}

func refuse(status, code int, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, err: fmt.Errorf(format, args...)}
}

func peerLimit(peers int) *refusal {
	return refuse(http.StatusConflict, 1, "maximum peer limit %d reached", peers)
}

func badRequest(step string, err error) *refusal {
	return refuse(http.StatusBadRequest, 2, "parsing request from context: %s: %w", step, err)
}

func idLookupFailed(id uint64, err error) *refusal {
	return refuse(http.StatusInternalServerError, 3,
		"retrieving session %d from database: finding session with query map[id:%d]: %w", id, id, err)
}

func idTaken(id uint64) *refusal {
	return refuse(http.StatusConflict, 3, "session %d already exists in database", id)
}

func requestLookupFailed(request string, err error) *refusal {
	return refuse(http.StatusInternalServerError, 4,
		"retrieving session for peer request %q from database: %w", request, err)
}

func requestTaken(request string) *refusal {
	return refuse(http.StatusConflict, 4, "session already exists for peer request %q", request)
}

func hubFailed(id uint64, err error) *refusal {
	return refuse(http.StatusInternalServerError, 5, "querying session %d from blockchain: %w", id, err)
}

func noSession(id uint64) *refusal {
	return refuse(http.StatusNotFound, 5, "session %d does not exist on blockchain", id)
}

func notActive(got, want fmt.Stringer) *refusal {
	return refuse(http.StatusBadRequest, 5, "invalid session status %q, expected %q", got, want)
}

// The stock node prints addresses that it holds as bytes in hex, and the hub's answer as it came.
func otherNode(got string, want []byte) *refusal {
	return refuse(http.StatusBadRequest, 6, "node address mismatch: got %q, expected %X", got, want)
}

func otherAccount(got, want []byte) *refusal {
	return refuse(http.StatusUnauthorized, 6, "account addr mismatch; got %X, expected %X", got, want)
}

func badAddress(text string, err error) *refusal {
	return refuse(http.StatusInternalServerError, 6, "decoding Bech32 account addr %q: %w", text, err)
}

func peerFailed(err error) *refusal {
	return refuse(http.StatusInternalServerError, 7, "adding peer to service: %w", err)
}

func encodingFailed(err error) *refusal {
	return refuse(http.StatusInternalServerError, 8, "encoding add-peer service response: %w", err)
}

func insertFailed(id uint64, err error) *refusal {
	return refuse(http.StatusInternalServerError, 9,
		"inserting session %d into database: running tx: inserting session: %w", id, err)
}
