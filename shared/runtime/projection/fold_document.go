package projection

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// DocumentFold folds events into one document of a view, in memory.
type DocumentFold struct {
	view    *core.ViewType
	key     port.DocumentKey
	base    json.RawMessage // as stored; nil if it did not exist
	Value   any             // nil if it does not exist
	applied []*Step
	first   [1]*Step // backs applied: most often one event is applied
}

// NewDocumentFold returns the fold of a document. base is the document as stored, in JSON; nil if it does not exist.
func NewDocumentFold(view *core.ViewType, key port.DocumentKey, base json.RawMessage) *DocumentFold {
	d := &DocumentFold{view: view, key: key, base: base}
	d.applied = d.first[:0]
	return d
}

// open decodes the document as stored.
func (d *DocumentFold) open() error {
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
func (d *DocumentFold) apply(s *Step) error {
	value, err := d.Fold(s)
	if err != nil {
		d.restore()
		return err
	}
	d.Value = value
	d.applied = append(d.applied, s)
	return nil
}

// Fold returns the document's value after one more event; nil if the event deletes the document. It may change d.Value in place,
// also if it fails; d.Value = value completes the step. A panic of the fold becomes an error.
func (d *DocumentFold) Fold(s *Step) (value any, err error) {
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
func (d *DocumentFold) restore() {
	if d.open() != nil {
		return // it was never opened
	}
	for _, s := range d.applied {
		d.Value, _ = d.Fold(s) // it succeeded before, on the same value
	}
}

// undo undoes the last event and returns it.
func (d *DocumentFold) undo() *Step {
	last := d.applied[len(d.applied)-1]
	d.applied = d.applied[:len(d.applied)-1]
	d.restore()
	return last
}

// write returns the document in the form to be stored, or an error if it can't be stored.
func (d *DocumentFold) write() (port.DocumentWrite, error) {
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
