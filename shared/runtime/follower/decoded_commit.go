package follower

import (
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// DecodedCommit is a commit of the log with its events decoded, once for all handlers. They share it and must not change it.
type DecodedCommit struct {
	core.Commit
	Decoded []core.Event // by index of Commit.Events; nil where Errs has an error, and if Commit.Err is set
	Errs    []error      // by index of Commit.Events: why the event can't be decoded; nil if all are decoded

	registry *core.Registry
}

// DecodeCommit decodes the events of a commit with the types of registry. Events that can't be decoded are in Errs.
func DecodeCommit(registry *core.Registry, c core.Commit) DecodedCommit {
	d := DecodedCommit{Commit: c, registry: registry}
	if c.Err != nil {
		return d
	}
	d.Decoded = make([]core.Event, len(c.Events))
	for i, recorded := range c.Events {
		event, err := DecodeEvent(registry, recorded)
		if err != nil {
			if d.Errs == nil {
				d.Errs = make([]error, len(c.Events))
			}
			d.Errs[i] = err
		}
		d.Decoded[i] = event
	}
	return d
}

// DecodeEvent decodes one event. A panic of an upcaster becomes an error.
func DecodeEvent(registry *core.Registry, recorded core.Recorded) (event core.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an upcaster of %s panicked: %v", recorded.Type, p)
		}
	}()
	return registry.Decode(recorded)
}

// DecodeError returns why event i can't be decoded, or nil.
func (c *DecodedCommit) DecodeError(i int) error {
	if c.Errs == nil {
		return nil
	}
	return c.Errs[i]
}

// IsKnown reports whether this program has the type of event i.
func (c *DecodedCommit) IsKnown(i int) bool { return c.registry.Knows(c.Events[i].Type) }

// Meta returns the metadata of event i.
func (c *DecodedCommit) Meta(i int) core.Meta {
	return core.Meta{Stream: c.Stream, Version: c.First() + core.Version(i), Position: c.Position, Time: c.Time}
}

// size returns the bytes of the events.
func (c *DecodedCommit) size() (bytes int) {
	for i := range c.Events {
		bytes += len(c.Events[i].Data)
	}
	return bytes
}
