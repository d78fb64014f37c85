package core

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// EventCodec decodes the payloads of one kind of event, in all schema versions.
type EventCodec struct {
	kind     string
	event    reflect.Type
	formerly []string // full names
	upcasts  []UpcastStep
	decode   func(data []byte) (any, error)
}

// NewEventCodec returns the codec of events of type E, recorded under this kind.
func NewEventCodec[E any](kind string) EventCodec {
	return EventCodec{
		kind:  kind,
		event: reflect.TypeFor[E](),
		decode: func(data []byte) (any, error) {
			var e E
			err := Unmarshal(data, &e)
			return e, err
		},
	}
}

// NewStateCodec returns the codec of a process's state. It is strict: a field that the current type lacks is an error,
// because dropping the field would lose data of an instance.
func NewStateCodec[S any]() EventCodec {
	c := NewEventCodec[S]("state")
	c.decode = func(data []byte) (any, error) {
		var s S
		err := UnmarshalStrict(data, &s)
		return s, err
	}
	return c
}

// Then returns a codec that decodes as c does and converts the payload with then.
func (c EventCodec) Then(then func(payload any) any) EventCodec {
	decode := c.decode
	c.decode = func(data []byte) (any, error) {
		payload, err := decode(data)
		if err != nil {
			return nil, err
		}
		return then(payload), nil
	}
	return c
}

// Upcasting returns a codec that also decodes the schema version from which the step starts.
func (c EventCodec) Upcasting(step UpcastStep) EventCodec {
	c.upcasts = append(c.upcasts[:len(c.upcasts):len(c.upcasts)], step)
	return c
}

// Formerly returns a codec of an event that older versions of the program recorded under this full name.
func (c EventCodec) Formerly(name string) EventCodec {
	c.formerly = append(c.formerly[:len(c.formerly):len(c.formerly)], name)
	return c
}

// Schema returns the schema version of new payloads.
func (c *EventCodec) Schema() int {
	if len(c.upcasts) == 0 {
		return 1
	}
	return c.upcasts[len(c.upcasts)-1].From + 1
}

// Decode decodes a payload of any known schema version, through the upcasts that follow. Its error wraps [ErrUnknownEvent]
// or [ErrBadPayload].
func (c *EventCodec) Decode(r Recorded) (Event, error) {
	if r.Schema == c.Schema() {
		event, err := c.decode(r.Data)
		if err != nil {
			return nil, fmt.Errorf("%s, schema version %d: %w", r.Type, r.Schema, err)
		}
		return event, nil
	}
	for i, u := range c.upcasts {
		if u.From != r.Schema {
			continue
		}
		payload, err := u.Decode(r.Data)
		if err != nil {
			return nil, fmt.Errorf("%s, schema version %d: %w", r.Type, r.Schema, err)
		}
		for _, step := range c.upcasts[i:] {
			payload = step.Up(payload)
		}
		return payload, nil
	}
	return nil, fmt.Errorf("%w: %s has schema version %d, this program knows %s; run the version of the program that wrote it, or register an upcast",
		ErrUnknownEvent, r.Type, r.Schema, c.knownSchemas())
}

func (c *EventCodec) knownSchemas() string {
	if len(c.upcasts) == 0 {
		return "1"
	}
	return fmt.Sprintf("%d to %d", c.upcasts[0].From, c.Schema())
}

// Check returns an error for an event that is not registered correctly.
func (c *EventCodec) Check() error {
	if err := CheckToken("event kind", c.kind); err != nil {
		return err
	}
	if err := checkStorable(c.event); err != nil {
		return fmt.Errorf("event %s: %w", c.kind, err)
	}
	for _, name := range c.formerly {
		module, kind, _ := strings.Cut(name, ".")
		if err := errors.Join(CheckToken("module", module), CheckToken("event kind", kind)); err != nil {
			return fmt.Errorf("event %s: the former name %q is not a full name such as \"library.Lent\": %w", c.kind, name, err)
		}
	}
	for i, u := range c.upcasts {
		if u.From < 1 || i > 0 && u.From != c.upcasts[i-1].From+1 {
			return fmt.Errorf("event %s: upcasts must go up one schema version at a time, in order; number %d starts from %d", c.kind, i+1, u.From)
		}
		next := c.event
		if i+1 < len(c.upcasts) {
			next = c.upcasts[i+1].Old
		}
		if u.New != next {
			return fmt.Errorf("event %s: the upcast from schema version %d makes a %v, the next step takes a %v", c.kind, u.From, u.New, next)
		}
	}
	return nil
}

// UpcastStep turns the payload of one schema version into that of the next.
type UpcastStep struct {
	From     int // schema version; the result has the next
	Old, New reflect.Type
	Decode   func(data []byte) (any, error) // an Old
	Up       func(old any) any              // a New
}
