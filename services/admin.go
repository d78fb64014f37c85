package services

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
)

// adminHandler answers an admin request with what T is, once the service has started. Its answer becomes JSON, its error a
// problem.
type adminHandler[T any] = func(r *http.Request, running *T) (any, error)

// serveAdmin adds routes to the admin port. Until running is set, they say why there is nothing to answer with.
func serveAdmin[T any](mux *http.ServeMux, notYet string, running *atomic.Pointer[T], routes map[string]adminHandler[T]) {
	for pattern, handle := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			t := running.Load()
			if t == nil {
				service.WriteProblem(w, http.StatusServiceUnavailable, "starting", notYet)
				return
			}
			var answer any
			err := checkQuery(r)
			if err == nil {
				answer, err = handle(r, t)
			}
			if err != nil {
				writeError(w, err)
				return
			}
			service.WriteJSON(w, http.StatusOK, answer)
		})
	}
}

// checkQuery refuses a query that can't be read, and texts that no store takes.
func checkQuery(r *http.Request) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("the query can't be read: " + err.Error())
	}
	for name, texts := range values {
		for _, text := range texts {
			if !es.IsText(text) {
				return badRequest(strconv.Quote(name) + " is not valid UTF-8 or contains U+0000")
			}
		}
	}
	return nil
}

// badRequest says what is wrong with an admin request.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// problems are the errors that an operator can do something about.
var problems = []struct {
	err    error
	status int
	code   string
}{
	{es.ErrNotFound, http.StatusNotFound, "not-found"},
	{errWithoutBus, http.StatusNotFound, "no-bus"},
	{es.ErrBadToken, http.StatusUnprocessableEntity, "bad-token"}, // a message that the bus does not take again
	{es.ErrBuilding, http.StatusConflict, "being-built"},
	{es.ErrMoved, http.StatusConflict, "not-first"},
	{es.ErrOtherVersion, http.StatusConflict, "other-version"},
	{es.ErrConflict, http.StatusConflict, "conflict"},
	{runtime.ErrOverloaded, http.StatusServiceUnavailable, "overloaded"},
	{es.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

func writeError(w http.ResponseWriter, err error) {
	var bad badRequest
	if errors.As(err, &bad) {
		service.WriteProblem(w, http.StatusBadRequest, "bad-request", err.Error())
		return
	}
	var rejection *es.Rejection
	if errors.As(err, &rejection) {
		service.WriteProblem(w, http.StatusConflict, rejection.Code, rejection.Message)
		return
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			service.WriteProblem(w, p.status, p.code, strings.TrimPrefix(err.Error(), p.err.Error()+": "))
			return
		}
	}
	service.WriteProblem(w, http.StatusInternalServerError, "internal", err.Error())
}

// ActionRequest is the body of every admin request that changes something.
type ActionRequest struct {
	Who     string `json:"who"`
	Reason  string `json:"reason,omitempty"`
	DropOld bool   `json:"drop_old,omitempty"` // of rebuild
}

const maxActionText = 1000

func readAction(r *http.Request, did string, needsReason bool) (ActionRequest, es.Action, error) {
	var request ActionRequest
	decoder := json.NewDecoder(io.LimitReader(r.Body, 16<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, es.Action{}, badRequest(`the body must be JSON such as {"who": "ada", "reason": "…"}: ` + err.Error())
	}
	switch {
	case request.Who == "":
		return request, es.Action{}, badRequest("who is empty: say who asks for it")
	case needsReason && request.Reason == "":
		return request, es.Action{}, badRequest("reason is empty: say why")
	case len(request.Who) > maxActionText || len(request.Reason) > maxActionText:
		return request, es.Action{}, badRequest("who and reason have at most " + strconv.Itoa(maxActionText) + " bytes")
	case !es.IsText(request.Who) || !es.IsText(request.Reason):
		return request, es.Action{}, badRequest("who or reason contains U+0000")
	}
	return request, es.Action{Who: request.Who, Did: did, Reason: request.Reason}, nil
}

const maxListed = 1000

// limitParameter reads how many entries of a list are wanted, from 1 to maxListed; 100 where the query does not say.
func limitParameter(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxListed {
		return 0, badRequest("limit is " + strconv.Quote(text) + ": it may be 1 to " + strconv.Itoa(maxListed))
	}
	return n, nil
}

// withTimeout bounds what an admin request may take.
func withTimeout(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), time.Minute)
}
