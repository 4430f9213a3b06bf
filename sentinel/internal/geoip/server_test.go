package geoip

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnswersTheWayNodesRead(t *testing.T) {
	for _, path := range []string{"/json", "/json/", "/json/192.0.2.9"} {
		recorder := httptest.NewRecorder()
		Handler(Default()).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))

		// The names are ip-api.com's.
		var answer struct {
			City        string
			CountryCode string  `json:"countryCode"`
			Latitude    float64 `json:"lat"`
			IP          string  `json:"query"`
		}
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || recorder.Code != http.StatusOK {
			t.Fatalf("%s: %d %v", path, recorder.Code, err)
		}

		if answer.City != "Reykjavik" || answer.CountryCode != "IS" || answer.Latitude != 64.1466 || answer.IP != "192.0.2.1" {
			t.Errorf("%s: %+v", path, answer)
		}
	}

	recorder := httptest.NewRecorder()
	Handler(Default()).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/other", nil))

	if recorder.Code != http.StatusNotFound {
		t.Errorf("another path: %d", recorder.Code)
	}
}
