package projection

import (
	"encoding/json"
	"errors"
	"fmt"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// document holds a document while events are folded into it.
type Document struct {
	view    *core.ViewType
	key     port.DocumentKey
	base    json.RawMessage // as stored; nil if it did not exist
	Value   any             // nil if it does not exist
	applied []*step
	first   [1]*step // backs applied: most often one event is applied
}

func NewDocument(view *core.ViewType, key port.DocumentKey, base json.RawMessage) *Document {
	d := &Document{view: view, key: key, base: base}
	d.applied = d.first[:0]
	return d
}

// open decodes the document as stored.
func (d *Document) open() error {
	d.Value = nil
	if d.base == nil {
		return nil
	}
	value := d.view.NewDocument()
	if err := core.Unmarshal(d.base, value); err != nil {
		return fmt.Errorf("the stored document can't be decoded: %w", err)
	}
	d.Value = value
	return nil
}

// apply folds an event. If that fails, the document is unchanged.
func (d *Document) apply(s *step) error {
	value, err := d.Fold(s)
	if err != nil {
		d.restore()
		return err
	}
	d.Value = value
	d.applied = append(d.applied, s)
	return nil
}

func (d *Document) Fold(s *step) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the fold of %s panicked: %v", s.name, p)
		}
	}()
	if value = d.Value; value == nil {
		value = d.view.NewDocument()
	}
	meta := s.meta
	meta.Key = d.key.Key
	err = d.view.Fold(s.name, value, s.event, meta)
	if errors.Is(err, core.Delete) {
		return nil, nil //nolint:nilnil // the document is deleted
	}
	return value, err
}

// restore rebuilds the value from the events that were applied: a fold that failed may have changed it in part.
func (d *Document) restore() {
	if d.open() != nil {
		return // it was never opened
	}
	for _, s := range d.applied {
		d.Value, _ = d.Fold(s) // it succeeded before, on the same value
	}
}

// undo undoes the last event and returns it.
func (d *Document) undo() *step {
	last := d.applied[len(d.applied)-1]
	d.applied = d.applied[:len(d.applied)-1]
	d.restore()
	return last
}

// write returns the document as it is to be stored, or why it can't be stored.
func (d *Document) write() (port.DocumentWrite, error) {
	w := port.DocumentWrite{DocumentKey: d.key, Position: d.applied[len(d.applied)-1].commit.Position}
	if d.Value == nil {
		return w, nil
	}
	data, err := core.Marshal(d.Value)
	if err == nil {
		err = d.view.CheckDocument(data)
	}
	w.Data = data
	return w, err
}
