package adminapi

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// API is the admin API of one admin port. Several services of one process may share it.
type API struct {
	mu   sync.Mutex // guards the OpenAPI document while routes are added
	huma huma.API

	logger atomic.Pointer[slog.Logger] // of actions
}

// New returns an API without routes but GET /openapi.json, which it adds to mux.
func New(mux *http.ServeMux) *API {
	a := &API{huma: humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Orchestrix admin API", Version: "1", Description: "What operators of a service see and do on its admin port.",
				License: &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/"}},
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				"token": {Type: "http", Scheme: "bearer", Description: "The token of an operator."},
			}},
			Security: []map[string][]string{{"token": {}}},
			Tags: []*huma.Tag{
				{Name: "dead-letters", Description: "Messages of the bus that could not be handled."},
				{Name: "deadlines", Description: "Pending deadlines of process instances."},
				{Name: "projections", Description: "Views and their builds, and the actions of operators."},
				{Name: "parked", Description: "Events that a view could not apply."},
				{Name: "processes", Description: "Process instances."},
			},
		},
	})}
	mux.HandleFunc("GET /openapi.json", a.serveDocument)
	return a
}

func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) {
	var document bytes.Buffer
	a.mu.Lock()
	encoder := json.NewEncoder(&document)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(a.huma.OpenAPI())
	a.mu.Unlock()
	if err != nil {
		WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = document.WriteTo(w) // an error means that the client has disconnected
}
