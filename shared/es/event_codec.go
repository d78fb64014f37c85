package es

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// eventCodec reads and writes the payloads of one kind of event.
type eventCodec struct {
	kind     string
	event    reflect.Type
	formerly []string // full names
	upcasts  []Upcast
	decode   func(data []byte) (any, error)
}

func newEventCodec[E any](kind string, upcasts []Upcast) eventCodec {
	return eventCodec{
		kind:    kind,
		event:   reflect.TypeFor[E](),
		upcasts: upcasts,
		decode: func(data []byte) (any, error) {
			var e E
			err := Unmarshal(data, &e)
			return e, err
		},
	}
}

// schema is the version of the payloads that are written today.
func (c *eventCodec) schema() int {
	if len(c.upcasts) == 0 {
		return 1
	}
	return c.upcasts[len(c.upcasts)-1].from + 1
}

// read decodes a payload of any schema version that is known, through the upcasts after it.
func (c *eventCodec) read(r Recorded) (Event, error) {
	if r.Schema == c.schema() {
		event, err := c.decode(r.Data)
		if err != nil {
			return nil, fmt.Errorf("%s, schema version %d: %w", r.Type, r.Schema, err)
		}
		return event, nil
	}
	for i, u := range c.upcasts {
		if u.from != r.Schema {
			continue
		}
		payload, err := u.decode(r.Data)
		if err != nil {
			return nil, fmt.Errorf("%s, schema version %d: %w", r.Type, r.Schema, err)
		}
		for _, step := range c.upcasts[i:] {
			payload = step.up(payload)
		}
		return payload, nil
	}
	return nil, fmt.Errorf("%w: %s has schema version %d, this program knows %s; run the version of the program that wrote it, or register an upcast",
		ErrUnknownEvent, r.Type, r.Schema, c.known())
}

func (c *eventCodec) known() string {
	if len(c.upcasts) == 0 {
		return "1"
	}
	return fmt.Sprintf("%d to %d", c.upcasts[0].from, c.schema())
}

// check says what is wrong with how the event was registered.
func (c *eventCodec) check() error {
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
		if u.from < 1 || i > 0 && u.from != c.upcasts[i-1].from+1 {
			return fmt.Errorf("event %s: upcasts must go up one schema version at a time, in order; number %d starts from %d", c.kind, i+1, u.from)
		}
		next := c.event
		if i+1 < len(c.upcasts) {
			next = c.upcasts[i+1].old
		}
		if u.new != next {
			return fmt.Errorf("event %s: the upcast from schema version %d makes a %v, the next step takes a %v", c.kind, u.from, u.new, next)
		}
	}
	return nil
}
