package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"orchestrix/shared/es"
)

// FoldError says which commit a view can't apply, and why.
type FoldError struct {
	View     string
	Stream   es.Stream
	Position es.Position
	Key      string // of the document; empty where it never got that far
	Err      error

	index int // of the commit in its batch
}

func (e *FoldError) Error() string {
	document := ""
	if e.Key != "" {
		document = fmt.Sprintf(", document %q", e.Key)
	}
	return fmt.Sprintf("view %s can't apply the commit at %s of %s%s: %v", e.View, e.Position, e.Stream, document, e.Err)
}

// Unwrap returns the cause.
func (e *FoldError) Unwrap() error { return e.Err }

// batchFold is what one batch of commits does to a view.
type batchFold struct {
	view  *es.ViewType
	steps []foldStep
}

// foldStep folds one event into one document.
type foldStep struct {
	key    es.DocumentKey
	name   string
	event  es.Event
	meta   es.Meta
	commit int // its index in the batch
}

// newBatchFold decodes the batch and finds out which documents it changes. Its error is a [*FoldError].
func newBatchFold(registry *es.Registry, view *es.ViewType, commits []es.Commit) (*batchFold, error) {
	b := &batchFold{view: view}
	for i := range commits {
		if key, err := b.add(registry, &commits[i], i); err != nil {
			return nil, &FoldError{View: view.Name, Stream: commits[i].Stream, Position: commits[i].Position, Key: key, Err: err, index: i}
		}
	}
	return b, nil
}

// add decodes every event, also those that the view does not fold: an event that nobody knows is never skipped.
func (b *batchFold) add(registry *es.Registry, c *es.Commit, index int) (key string, err error) {
	if c.Err != nil {
		return "", c.Err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("finding the keys or an upcaster panicked: %v", p)
		}
	}()
	for i, recorded := range c.Events {
		event, err := registry.Decode(recorded)
		if err != nil {
			return "", err
		}
		if !b.view.Folds(recorded.Type) {
			continue
		}
		meta := es.Meta{Stream: c.Stream, Version: c.First() + es.Version(i), Position: c.Position, Time: c.Time}
		keys, err := b.view.Keys(recorded.Type, event, meta)
		if err != nil {
			return "", err
		}
		for _, key := range keys {
			meta.Key = key
			b.steps = append(b.steps, foldStep{
				key: es.DocumentKey{Tenant: c.Stream.Tenant, Key: key}, name: recorded.Type, event: event, meta: meta, commit: index,
			})
		}
	}
	return "", nil
}

// keys are the documents that the batch may change, each once, in order.
func (b *batchFold) keys() []es.DocumentKey {
	keys := make([]es.DocumentKey, len(b.steps))
	for i := range b.steps {
		keys[i] = b.steps[i].key
	}
	slices.SortFunc(keys, es.DocumentKey.Compare)
	return slices.Compact(keys)
}

// document is a document while it is being folded.
type document struct {
	value    any // nil: it is not there
	position es.Position
}

// fold implements [es.FoldFunc]. Its error is a [*FoldError].
func (b *batchFold) fold(current map[es.DocumentKey]json.RawMessage) ([]es.DocumentWrite, error) {
	documents := make(map[es.DocumentKey]*document, len(current))
	order := make([]es.DocumentKey, 0, len(current))
	for i := range b.steps {
		step := &b.steps[i]
		d := documents[step.key]
		if d == nil {
			d = &document{}
			documents[step.key] = d
			order = append(order, step.key)
			if data, ok := current[step.key]; ok {
				d.value = b.view.NewDocument()
				if err := es.Unmarshal(data, d.value); err != nil {
					return nil, b.failed(step, fmt.Errorf("the document can't be read back: %w", err))
				}
			}
		}
		if err := b.step(d, step); err != nil {
			return nil, b.failed(step, err)
		}
	}
	return b.writes(documents, order)
}

func (b *batchFold) step(d *document, s *foldStep) error {
	value := d.value
	if value == nil {
		value = b.view.NewDocument()
	}
	err := b.foldSafely(value, s)
	switch {
	case errors.Is(err, es.Delete):
		d.value = nil
	case err != nil:
		return err
	default:
		d.value = value
	}
	d.position = s.meta.Position
	return nil
}

func (b *batchFold) foldSafely(value any, s *foldStep) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the fold of %s panicked: %v", s.name, p)
		}
	}()
	return b.view.Fold(s.name, value, s.event, s.meta)
}

func (b *batchFold) writes(documents map[es.DocumentKey]*document, order []es.DocumentKey) ([]es.DocumentWrite, error) {
	writes := make([]es.DocumentWrite, 0, len(order))
	for _, key := range order {
		d := documents[key]
		write := es.DocumentWrite{DocumentKey: key, Position: d.position}
		if d.value != nil {
			data, err := es.Marshal(d.value)
			if err == nil {
				err = b.view.CheckDocument(data)
			}
			if err != nil {
				return nil, b.failed(b.lastStep(key), err)
			}
			write.Data = data
		}
		writes = append(writes, write)
	}
	return writes, nil
}

func (b *batchFold) lastStep(key es.DocumentKey) *foldStep {
	for i := len(b.steps) - 1; ; i-- {
		if b.steps[i].key == key {
			return &b.steps[i]
		}
	}
}

func (b *batchFold) failed(s *foldStep, err error) error {
	return &FoldError{View: b.view.Name, Stream: s.meta.Stream, Position: s.meta.Position, Key: s.key.Key, Err: err, index: s.commit}
}
