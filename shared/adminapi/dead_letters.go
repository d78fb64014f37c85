package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// DeadLetterList is the answer of GET /dead-letters, oldest first.
type DeadLetterList struct {
	Items []DeadLetterItem `json:"items"`
}

// DeadLetterItem is a message that could not be handled.
type DeadLetterItem struct {
	Number      uint64            `json:"number"`
	Topic       string            `json:"topic"`
	Group       string            `json:"group" doc:"The group of workers that could not handle it."`
	ID          string            `json:"id" doc:"Of the message."`
	Tenant      string            `json:"tenant"`
	Stream      string            `json:"stream" doc:"The stream that the message is for."`
	Error       string            `json:"error" doc:"Of the last attempt."`
	Attempts    int               `json:"attempts"`
	PublishedAt time.Time         `json:"published_at"`
	DiedAt      time.Time         `json:"died_at"`
	Header      map[string]string `json:"header,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty" doc:"The message, if it is JSON; not in lists."`
	DataBase64  []byte            `json:"data_base64,omitempty" doc:"The message, if it is not JSON; not in lists."`
}

func deadLetterItem(d port.DeadLetter) DeadLetterItem {
	return DeadLetterItem{
		Number: d.Number, Topic: string(d.Topic), Group: d.Group, ID: d.ID, Tenant: d.To.Tenant, Stream: d.To.String(),
		Error: d.Error, Attempts: d.Attempts, PublishedAt: d.Published, DiedAt: d.Died, Header: d.Header,
	}
}

// DeadLettersAnswer is the answer of a retry or a drop.
type DeadLettersAnswer struct {
	Done int  `json:"done" doc:"The number of dead letters that were published again or removed."`
	More bool `json:"more,omitempty" doc:"Dead letters remain: send the request again."`
}

// DeadLetterFilter are the parameters that select dead letters.
type DeadLetterFilter struct {
	Topic string      `query:"topic" doc:"Only those of this topic."`
	Group string      `query:"group" doc:"Only those of this group of workers."`
	After numberParam `query:"after" doc:"Only those with a greater number."`
	Limit limitParam  `query:"limit" doc:"The maximum number of items."`
}

func (f *DeadLetterFilter) query() (port.DeadLetterQuery, error) {
	q := port.DeadLetterQuery{Topic: port.Topic(f.Topic), Group: f.Group}
	if q.Topic != "" {
		if err := port.CheckTopic(q.Topic); err != nil {
			return q, problem.BadRequest.Errorf("%v", err)
		}
	}
	if q.Group != "" {
		if err := core.CheckToken("group", q.Group); err != nil {
			return q, problem.BadRequest.Errorf("%v", err)
		}
	}
	var err error
	if f.After != "" {
		if q.After, err = strconv.ParseUint(string(f.After), 10, 64); err != nil {
			return q, problem.BadRequest.Errorf("after is %q: it must be the number of a dead letter", string(f.After))
		}
	}
	q.Limit, err = f.Limit.number()
	return q, err
}

// DeadLetterPath is the path of a dead letter.
type DeadLetterPath struct {
	Number numberParam `path:"number" doc:"Of the dead letter."`
}

func (p *DeadLetterPath) number() (uint64, error) {
	number, err := strconv.ParseUint(string(p.Number), 10, 64)
	if err != nil {
		return 0, problem.BadRequest.Errorf("%q is not the number of a dead letter", string(p.Number))
	}
	return number, nil
}

// deadLetters are the handlers of dead letters.
type deadLetters struct{ logger *slog.Logger }

func (deadLetters) list(ctx context.Context, b *Bus, in *DeadLetterFilter) (DeadLetterList, error) {
	list := DeadLetterList{Items: []DeadLetterItem{}}
	q, err := in.query()
	if err != nil {
		return list, err
	}
	found, err := b.DeadLetters.DeadLetters(ctx, q)
	for _, d := range found {
		list.Items = append(list.Items, deadLetterItem(d))
	}
	return list, err
}

func (deadLetters) show(ctx context.Context, b *Bus, in *DeadLetterPath) (DeadLetterItem, error) {
	number, err := in.number()
	if err != nil {
		return DeadLetterItem{}, err
	}
	d, err := b.DeadLetters.DeadLetter(ctx, number)
	if err != nil {
		return DeadLetterItem{}, err
	}
	item := deadLetterItem(d)
	if json.Valid(d.Data) {
		item.Data = d.Data
	} else {
		item.DataBase64 = d.Data
	}
	return item, nil
}

// deadLetterAction is a request that changes one dead letter.
type deadLetterAction struct {
	DeadLetterPath
	actionBody
}

func (h deadLetters) retry(ctx context.Context, b *Bus, in *deadLetterAction) (DeadLettersAnswer, error) {
	return h.act(ctx, b, in, "retry", false, b.DeadLetters.RetryDeadLetter)
}

func (h deadLetters) drop(ctx context.Context, b *Bus, in *deadLetterAction) (DeadLettersAnswer, error) {
	return h.act(ctx, b, in, "drop", true, b.DeadLetters.DropDeadLetter)
}

// act records who asks for an action on a dead letter, and does it.
func (h deadLetters) act(
	ctx context.Context, b *Bus, in *deadLetterAction, did string, needsReason bool, do func(context.Context, uint64) error,
) (DeadLettersAnswer, error) {
	number, err := in.number()
	if err != nil {
		return DeadLettersAnswer{}, err
	}
	action, err := in.action(did, needsReason)
	if err != nil {
		return DeadLettersAnswer{}, err
	}
	d, err := b.DeadLetters.DeadLetter(ctx, number)
	if err != nil {
		return DeadLettersAnswer{}, err
	}
	if err := h.record(ctx, b, action, d); err != nil {
		return DeadLettersAnswer{}, err
	}
	return DeadLettersAnswer{Done: 1}, do(ctx, number)
}

// deadLettersAction is a request that changes several dead letters.
type deadLettersAction struct {
	DeadLetterFilter
	actionBody
}

// retryAll retries the dead letters of a topic or a group, in order. Those that fail again meanwhile are not among them.
func (h deadLetters) retryAll(ctx context.Context, b *Bus, in *deadLettersAction) (DeadLettersAnswer, error) {
	q, err := in.query()
	if err != nil {
		return DeadLettersAnswer{}, err
	}
	action, err := in.action("retry", false)
	if err != nil {
		return DeadLettersAnswer{}, err
	}
	if q.Topic == "" && q.Group == "" {
		return DeadLettersAnswer{}, problem.BadRequest.Errorf("name a topic or a group in the query")
	}
	q.Limit = maxLimit
	found, err := b.DeadLetters.DeadLetters(ctx, q)
	answer := DeadLettersAnswer{More: len(found) == maxLimit}
	if err != nil {
		return answer, err
	}
	for _, d := range found {
		if err := h.record(ctx, b, action, d); err != nil {
			return answer, err
		}
		err := b.DeadLetters.RetryDeadLetter(ctx, d.Number)
		if errors.Is(err, core.ErrNotFound) { // another operator was faster
			continue
		}
		if err != nil {
			return answer, err
		}
		answer.Done++
	}
	return answer, nil
}

// record writes an action to the action log and to the log of the service, before it is done. The bus and the action log are
// separate stores: an action that can't be recorded is not done, and a recorded one may still fail.
func (h deadLetters) record(ctx context.Context, b *Bus, action core.Action, d port.DeadLetter) error {
	action.Object = fmt.Sprintf("dead letter %d: %s of %s, id %s", d.Number, d.Topic, d.To, d.ID)
	if err := b.Actions.Record(ctx, action); err != nil {
		return fmt.Errorf("nothing was done, since it can't be recorded: %w", err)
	}
	h.logger.WarnContext(ctx, "dead letter: "+action.Did, "who", action.Who, "reason", action.Reason,
		"number", d.Number, "topic", d.Topic, "group", d.Group, "to", d.To.Path(), "id", d.ID, "error", d.Error)
	return nil
}
