// Package geoip answers as `http://ip-api.com/json` does, so that a node in a namespace without a
// network learns a location. Until it has one, a node's `GET /` answers nothing at all.
package geoip

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Place is the location in every answer.
type Place struct {
	City        string  `json:"city"`
	Country     string  `json:"country"`
	CountryCode string  `json:"countryCode"`
	Latitude    float64 `json:"lat"`
	Longitude   float64 `json:"lon"`
	Query       string  `json:"query"`
	Status      string  `json:"status"`
}

// Default is a place of no meaning with an address that is reserved for documentation.
func Default() Place {
	return Place{
		City: "Reykjavik", Country: "Iceland", CountryCode: "IS",
		Latitude: 64.1466, Longitude: -21.9426, Query: "192.0.2.1", Status: "success",
	}
}

// Handler answers `/json` and `/json/ADDRESS`.
func Handler(place Place) http.Handler {
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		// A caller that went away is no failure of ours.
		_ = json.NewEncoder(w).Encode(place)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /json", answer)
	mux.HandleFunc("GET /json/", answer)

	return mux
}

// Serve answers on addr until ctx ends.
func Serve(ctx context.Context, addr string, place Place) error {
	server := &http.Server{Addr: addr, Handler: Handler(place), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}

	return nil
}
