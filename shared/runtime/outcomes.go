package runtime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// keepOutcome is how long an outcome can be polled after its last change: the 24 h of the contract, and some. Each takes
// about half a kilobyte for as long.
const keepOutcome = 26 * time.Hour

// Outcomes keeps what has become of the commands that were sent over the bus, by command id: there, an id belongs to one
// command of the tenant.
type Outcomes struct {
	values es.KeyValue
	limit  outcomesLimit
}

// NewOutcomes keeps outcomes as values.
func NewOutcomes(values es.KeyValue) *Outcomes { return &Outcomes{values: values} }

// outcomeRecord is an outcome as it is kept, with what tells its command from another of the same id.
type outcomeRecord struct {
	Path    string  `json:"path"` // of the aggregate
	Hash    string  `json:"hash"` // es.HashCommand
	Outcome Outcome `json:"outcome"`

	revision uint64
}

func outcomeKey(tenant, commandID string) string {
	return tenant + "." + base64.RawURLEncoding.EncodeToString([]byte(commandID))
}

// Outcome returns what has become of a command, or [es.ErrNotFound] where none of this id was sent in the last days. It
// returns [es.ErrBadToken] and [es.ErrUnavailable] too.
func (o *Outcomes) Outcome(ctx context.Context, tenant, commandID string) (Outcome, error) {
	if err := errors.Join(es.CheckToken("tenant", tenant), es.CheckCommandID(commandID)); err != nil {
		return Outcome{}, err
	}
	r, err := o.read(ctx, tenant, commandID)
	return r.Outcome, err
}

func (o *Outcomes) read(ctx context.Context, tenant, commandID string) (outcomeRecord, error) {
	entry, err := o.values.Get(ctx, outcomeKey(tenant, commandID))
	if err != nil {
		return outcomeRecord{}, err
	}
	r := outcomeRecord{revision: entry.Revision}
	if err := json.Unmarshal(entry.Value, &r); err != nil {
		return outcomeRecord{}, fmt.Errorf("%w: outcome of command %s: %w", es.ErrCorrupt, commandID, err)
	}
	return r, nil
}

// of returns the record of a command, a pending one where there is none yet. It returns [ErrCommandReused] where the id
// belongs to another command.
func (o *Outcomes) of(ctx context.Context, m *CommandMessage) (outcomeRecord, error) {
	path, hash := m.Stream.Path(), es.HashCommand(m.Name, m.Body)
	r, err := o.read(ctx, m.Stream.Tenant, m.ID)
	switch {
	case errors.Is(err, es.ErrNotFound):
		return outcomeRecord{Path: path, Hash: hash, Outcome: Outcome{CommandID: m.ID, Stream: m.Stream.String(), Status: Pending}}, nil
	case err != nil:
		return outcomeRecord{}, err
	case r.Path != path || r.Hash != hash:
		return outcomeRecord{}, fmt.Errorf("%w: command %q was sent to %s before, with another name, body or stream", ErrCommandReused, m.ID, r.Outcome.Stream)
	}
	return r, nil
}

// expect makes the command known before it is sent, if there is room. It returns its outcome, where it has one already.
func (o *Outcomes) expect(ctx context.Context, m *CommandMessage) (Outcome, error) {
	for {
		r, err := o.of(ctx, m)
		if err != nil || r.revision != 0 {
			return r.Outcome, err
		}
		if err := o.limit.roomForClients(ctx); err != nil {
			return Outcome{}, err
		}
		err = o.write(ctx, m, r)
		if !errors.Is(err, es.ErrConflict) { // then another request has just made it known
			return r.Outcome, err
		}
	}
}

// settle keeps an outcome and returns the one that counts: the first that was kept. A worker that was cut off and comes
// back may have decided a second time; only where it has been accepted, against a rejection, the second counts, since the
// log says so.
func (o *Outcomes) settle(ctx context.Context, m *CommandMessage, outcome Outcome) (Outcome, error) {
	for {
		r, err := o.of(ctx, m)
		if err != nil {
			return Outcome{}, err
		}
		if r.Outcome.Status == Accepted || r.Outcome.Final() && outcome.Status != Accepted {
			return r.Outcome, nil
		}
		r.Outcome = outcome
		err = o.write(ctx, m, r)
		if !errors.Is(err, es.ErrConflict) {
			return outcome, err
		}
	}
}

func (o *Outcomes) write(ctx context.Context, m *CommandMessage, r outcomeRecord) error {
	value, err := es.Marshal(r)
	if err != nil {
		return err
	}
	_, err = o.values.Update(ctx, outcomeKey(m.Stream.Tenant, m.ID), value, r.revision, keepOutcome)
	return err
}
