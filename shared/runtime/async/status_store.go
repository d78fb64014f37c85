package async

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// keepStatus is how long a status can be polled after its last change: the 24 h of the contract and a margin. A stored
// status takes about half a kilobyte.
const keepStatus = 26 * time.Hour

// keepWhenFull is how long a final status can be polled where the statuses take more than half of their limit.
const keepWhenFull = time.Minute

// StatusStore stores the statuses of commands that were sent over the bus, by tenant, sender and command id: an id belongs to one
// command of a sender, so no sender can take the ids of another, which may be predictable.
type StatusStore struct {
	values port.KeyValue
	quota  statusQuota
}

// NewStatusStore returns a store on values.
func NewStatusStore(values port.KeyValue) *StatusStore { return &StatusStore{values: values} }

// statusRecord is a stored status, with the identity of its command.
type statusRecord struct {
	Path   string              `json:"path"` // of the aggregate
	Hash   string              `json:"hash"` // core.HashCommand
	Status runtime.AsyncStatus `json:"outcome"`

	revision uint64 // of the key; 0 if nothing is stored
}

func statusKey(tenant, sender, commandID string) string {
	return tenant + "." + sender + "." + base64.RawURLEncoding.EncodeToString([]byte(commandID))
}

// Status returns the status of a command of a sender. It returns [core.ErrNotFound] if the sender has sent no command of this id
// within the last day, [core.ErrBadToken] and [port.ErrUnavailable].
func (s *StatusStore) Status(ctx context.Context, tenant, sender, commandID string) (runtime.AsyncStatus, error) {
	err := errors.Join(core.CheckToken("tenant", tenant), core.CheckToken("sender", sender), core.CheckCommandID(commandID))
	if err != nil {
		return runtime.AsyncStatus{}, err
	}
	r, err := s.read(ctx, tenant, sender, commandID)
	return r.Status, err
}

func (s *StatusStore) read(ctx context.Context, tenant, sender, commandID string) (statusRecord, error) {
	stored, err := s.values.Get(ctx, statusKey(tenant, sender, commandID))
	if err != nil {
		return statusRecord{}, err
	}
	r := statusRecord{revision: stored.Revision}
	if err := json.Unmarshal(stored.Value, &r); err != nil {
		return statusRecord{}, fmt.Errorf("%w: status of command %s: %w", core.ErrCorrupt, commandID, err)
	}
	return r, nil
}

// find returns the record of a command, or a pending one that is not stored. It returns [runtime.ErrCommandReused] if the id belongs
// to another command.
func (s *StatusStore) find(ctx context.Context, m *runtime.AsyncMessage) (statusRecord, error) {
	path, hash := m.Stream.Path(), core.HashCommand(m.Name, m.Body)
	r, err := s.read(ctx, m.Stream.Tenant, m.Origin.Sender, m.ID)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return statusRecord{Path: path, Hash: hash, Status: runtime.AsyncStatus{CommandID: m.ID, Stream: m.Stream.String(), State: runtime.Pending}}, nil
	case err != nil:
		return statusRecord{}, err
	case r.Path != path || r.Hash != hash:
		return statusRecord{}, fmt.Errorf("%w: command %q was sent to %s before, with another name, body or stream", runtime.ErrCommandReused, m.ID, r.Status.Stream)
	}
	return r, nil
}

// register stores a pending status before the command is sent, if the quota allows. It returns the status that is stored
// already, if there is one.
func (s *StatusStore) register(ctx context.Context, m *runtime.AsyncMessage) (runtime.AsyncStatus, error) {
	for {
		r, err := s.find(ctx, m)
		if err != nil || r.revision != 0 {
			return r.Status, err
		}
		if err := s.quota.checkClient(ctx); err != nil {
			return runtime.AsyncStatus{}, err
		}
		err = s.write(ctx, m, r)
		if !errors.Is(err, port.ErrConflict) { // a conflict: another request has just registered the command
			return r.Status, err
		}
	}
}

// record stores a status and returns the one that counts: the first final one. A worker that was interrupted and continues
// later may have executed the command a second time. Then only an acceptance replaces a rejection, because the log holds the events.
func (s *StatusStore) record(ctx context.Context, m *runtime.AsyncMessage, status runtime.AsyncStatus) (runtime.AsyncStatus, error) {
	for {
		r, err := s.find(ctx, m)
		if err != nil {
			return runtime.AsyncStatus{}, err
		}
		if r.Status.State == runtime.Accepted || r.Status.Final() && status.State != runtime.Accepted {
			return r.Status, nil
		}
		r.Status = status
		err = s.write(ctx, m, r)
		if !errors.Is(err, port.ErrConflict) {
			return status, err
		}
	}
}

func (s *StatusStore) write(ctx context.Context, m *runtime.AsyncMessage, r statusRecord) error {
	value, err := core.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.values.Update(ctx, statusKey(m.Stream.Tenant, m.Origin.Sender, m.ID), value, r.revision, s.quota.keep(ctx, &r.Status))
	return err
}
