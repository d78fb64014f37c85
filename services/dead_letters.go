package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"orchestrix/shared/es"
)

// deadLetterAdmin is how operators deal with messages that could not be handled, over HTTP on the admin port.
type deadLetterAdmin struct {
	logger  *slog.Logger
	running atomic.Pointer[deadLetters]
}

// deadLetters are what there is to deal with, once the service has started.
type deadLetters struct {
	bus     es.DeadLetters // nil where the log is in Postgres
	actions es.ActionLog
}

// errWithoutBus is the answer where the log is in Postgres.
var errWithoutBus = errors.New("the log is in Postgres: there is no message bus")

// CommandPaths are the roots of the admin routes of the command service.
var CommandPaths = []string{"/dead-letters", "/deadlines"}

// routes adds the admin routes.
func (a *deadLetterAdmin) routes(mux *http.ServeMux) {
	routes := map[string]adminHandler[deadLetters]{
		"GET /dead-letters":                 a.list,
		"GET /dead-letters/{number}":        a.show,
		"POST /dead-letters/{number}/retry": a.retry,
		"POST /dead-letters/{number}/drop":  a.drop,
		"POST /dead-letters/retry":          a.retryAll,
	}
	for pattern, handle := range routes {
		routes[pattern] = func(r *http.Request, d *deadLetters) (any, error) {
			if d.bus == nil {
				return nil, errWithoutBus
			}
			return handle(r, d)
		}
	}
	serveAdmin(mux, "the bus is not open yet", &a.running, routes)
}

// DeadLetterList is the answer of GET /dead-letters, oldest first.
type DeadLetterList struct {
	Items []DeadLetterItem `json:"items"`
}

// DeadLetterItem is a message that could not be handled.
type DeadLetterItem struct {
	Number      uint64            `json:"number"`
	Topic       string            `json:"topic"`
	Group       string            `json:"group"`
	ID          string            `json:"id"`
	Tenant      string            `json:"tenant"`
	Stream      string            `json:"stream"`
	Error       string            `json:"error"`
	Attempts    int               `json:"attempts"`
	PublishedAt time.Time         `json:"published_at"`
	DiedAt      time.Time         `json:"died_at"`
	Header      map[string]string `json:"header,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty"`        // where it is JSON, and one is asked for
	DataBase64  []byte            `json:"data_base64,omitempty"` // where it is not
}

func deadLetterItem(d es.DeadLetter) DeadLetterItem {
	return DeadLetterItem{
		Number: d.Number, Topic: string(d.Topic), Group: d.Group, ID: d.ID, Tenant: d.To.Tenant, Stream: d.To.String(),
		Error: d.Error, Attempts: d.Attempts, PublishedAt: d.Published, DiedAt: d.Died, Header: d.Header,
	}
}

func deadLetterQuery(r *http.Request) (es.DeadLetterQuery, error) {
	query := r.URL.Query()
	q := es.DeadLetterQuery{Topic: es.Topic(query.Get("topic")), Group: query.Get("group")}
	if q.Topic != "" {
		if err := es.CheckTopic(q.Topic); err != nil {
			return q, badRequest(err.Error())
		}
	}
	if q.Group != "" {
		if err := es.CheckToken("group", q.Group); err != nil {
			return q, badRequest(err.Error())
		}
	}
	var err error
	if after := query.Get("after"); after != "" {
		if q.After, err = strconv.ParseUint(after, 10, 64); err != nil {
			return q, badRequest("after is " + strconv.Quote(after) + ": it must be the number of a dead letter")
		}
	}
	q.Limit, err = limitParameter(r)
	return q, err
}

func (a *deadLetterAdmin) list(r *http.Request, running *deadLetters) (any, error) {
	q, err := deadLetterQuery(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	found, err := running.bus.DeadLetters(ctx, q)
	list := DeadLetterList{Items: []DeadLetterItem{}}
	for _, d := range found {
		list.Items = append(list.Items, deadLetterItem(d))
	}
	return list, err
}

func deadLetterNumber(r *http.Request) (uint64, error) {
	number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		return 0, badRequest(strconv.Quote(r.PathValue("number")) + " is not the number of a dead letter")
	}
	return number, nil
}

func (a *deadLetterAdmin) show(r *http.Request, running *deadLetters) (any, error) {
	number, err := deadLetterNumber(r)
	if err != nil {
		return nil, err
	}
	d, err := running.bus.DeadLetter(r.Context(), number)
	if err != nil {
		return nil, err
	}
	item := deadLetterItem(d)
	if json.Valid(d.Data) {
		item.Data = d.Data
	} else {
		item.DataBase64 = d.Data
	}
	return item, nil
}

// DeadLettersAnswer says how many dead letters an action was about.
type DeadLettersAnswer struct {
	Done int  `json:"done"`
	More bool `json:"more,omitempty"` // there are others: ask again
}

func (a *deadLetterAdmin) retry(r *http.Request, running *deadLetters) (any, error) {
	return a.act(r, running, "retry", false, running.bus.RetryDeadLetter)
}

func (a *deadLetterAdmin) drop(r *http.Request, running *deadLetters) (any, error) {
	return a.act(r, running, "drop", true, running.bus.DropDeadLetter)
}

// act does something with the dead letter that the path names, and records who wanted it.
func (a *deadLetterAdmin) act(r *http.Request, running *deadLetters, did string, needsReason bool, do func(context.Context, uint64) error) (any, error) {
	number, err := deadLetterNumber(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, did, needsReason)
	if err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	d, err := running.bus.DeadLetter(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := a.record(ctx, running, by, d); err != nil {
		return nil, err
	}
	return DeadLettersAnswer{Done: 1}, do(ctx, number)
}

// retryAll retries the dead letters of a topic or a group, in order. Those that die again meanwhile are not among them.
func (a *deadLetterAdmin) retryAll(r *http.Request, running *deadLetters) (any, error) {
	q, err := deadLetterQuery(r)
	if err != nil {
		return nil, err
	}
	_, by, err := readAction(r, "retry", false)
	if err != nil {
		return nil, err
	}
	if q.Topic == "" && q.Group == "" {
		return nil, badRequest("name a topic or a group in the query")
	}
	q.Limit = maxListed
	ctx, cancel := withTimeout(r)
	defer cancel()
	found, err := running.bus.DeadLetters(ctx, q)
	answer := DeadLettersAnswer{More: len(found) == maxListed}
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		if err := a.record(ctx, running, by, d); err != nil {
			return nil, err
		}
		err := running.bus.RetryDeadLetter(ctx, d.Number)
		if errors.Is(err, es.ErrNotFound) { // somebody else was faster
			continue
		}
		if err != nil {
			return nil, err
		}
		answer.Done++
	}
	return answer, nil
}

// record keeps who is about to do what, beside the actions on views and in the log of the service. The bus and the record
// are in two places: what can't be recorded is not done, and what is recorded may then still fail.
func (a *deadLetterAdmin) record(ctx context.Context, running *deadLetters, by es.Action, d es.DeadLetter) error {
	by.Object = fmt.Sprintf("dead letter %d: %s of %s, id %s", d.Number, d.Topic, d.To, d.ID)
	if err := running.actions.Record(ctx, by); err != nil {
		return fmt.Errorf("nothing was done, since it can't be recorded: %w", err)
	}
	a.logger.WarnContext(ctx, "dead letter: "+by.Did, "who", by.Who, "reason", by.Reason,
		"number", d.Number, "topic", d.Topic, "group", d.Group, "to", d.To.Path(), "id", d.ID, "error", d.Error)
	return nil
}
