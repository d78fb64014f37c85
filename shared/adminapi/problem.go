package adminapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
	"orchestrix/shared/runtime"
)

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"

	problemPrefix = "urn:orchestrix:problem:" // starts the type of a problem
)

// Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Code   string `json:"code" doc:"For programs; stable." example:"not-found"`
	Detail string `json:"detail" doc:"What is wrong with this request."`
	Status int    `json:"status" doc:"The HTTP status." example:"404"`
	Title  string `json:"title" doc:"The status in words." example:"Not Found"`
	Type   string `json:"type" doc:"The code as a URN." example:"urn:orchestrix:problem:not-found"`
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Code: code, Detail: detail, Status: status, Title: http.StatusText(status), Type: problemPrefix + code}
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return mediaProblem }

// WriteProblem answers a request with a problem.
func WriteProblem(w http.ResponseWriter, status int, code, detail string) {
	write(w, mediaProblem, status, newProblem(status, code, detail))
}

// WriteJSON answers a request with a body.
func WriteJSON(w http.ResponseWriter, status int, body any) { write(w, mediaJSON, status, body) }

func write(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only where the client has left
}

// badRequest is the error of a request that is malformed.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// errNoBus is the answer where the log is in Postgres.
var errNoBus = errors.New("the log is in Postgres: there is no message bus")

// problems maps errors to problems. The first that matches counts; other errors are internal.
var problems = []struct {
	err    error
	status int
	code   string
}{
	{core.ErrNotFound, http.StatusNotFound, "not-found"},
	{errNoBus, http.StatusNotFound, "no-bus"},
	{core.ErrBadToken, http.StatusUnprocessableEntity, "bad-token"}, // such as a dead letter that the bus does not take again
	{port.ErrBuilding, http.StatusConflict, "being-built"},
	{port.ErrMoved, http.StatusConflict, "not-first"},
	{port.ErrOtherVersion, http.StatusConflict, "other-version"},
	{port.ErrConflict, http.StatusConflict, "conflict"},
	{runtime.ErrOverloaded, http.StatusServiceUnavailable, "overloaded"},
	{port.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

func problemOf(err error) *Problem {
	var bad badRequest
	if errors.As(err, &bad) {
		return newProblem(http.StatusBadRequest, "bad-request", err.Error())
	}
	var rejection *core.Rejection
	if errors.As(err, &rejection) {
		return newProblem(http.StatusConflict, rejection.Code, rejection.Message)
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return newProblem(p.status, p.code, strings.TrimPrefix(err.Error(), p.err.Error()+": "))
		}
	}
	return newProblem(http.StatusInternalServerError, "internal", err.Error())
}
