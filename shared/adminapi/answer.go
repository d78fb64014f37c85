package adminapi

import (
	"encoding/json"
	"net/http"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

const mediaJSON = "application/json"

// WriteJSON answers a request with a body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", mediaJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client has disconnected
}

// WriteError answers a request with the problem of an error, as [problem.Admin] maps it.
func WriteError(w http.ResponseWriter, err error) {
	t, p := problem.Admin.Find(err)
	_ = problem.Write(w, t, p) // unreachable: a problem of this table is made of texts and numbers
}
