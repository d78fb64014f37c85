package runtime

import (
	"encoding/json"
	"errors"
	"fmt"

	"orchestrix/shared/es"
)

// document is a document while events are folded into it.
type document struct {
	view    *es.ViewType
	key     es.DocumentKey
	base    json.RawMessage // as it was; nil where it was not there
	value   any             // nil where it is not there
	applied []*step
	first   [1]*step // is most often all that is applied
}

func newDocument(view *es.ViewType, key es.DocumentKey, base json.RawMessage) *document {
	d := &document{view: view, key: key, base: base}
	d.applied = d.first[:0]
	return d
}

// open decodes the document as it was.
func (d *document) open() error {
	d.value = nil
	if d.base == nil {
		return nil
	}
	value := d.view.NewDocument()
	if err := es.Unmarshal(d.base, value); err != nil {
		return fmt.Errorf("the document can't be read back: %w", err)
	}
	d.value = value
	return nil
}

// apply folds an event. Where that fails, the document is as it was before.
func (d *document) apply(s *step) error {
	value, err := d.fold(s)
	if err != nil {
		d.restore()
		return err
	}
	d.value = value
	d.applied = append(d.applied, s)
	return nil
}

func (d *document) fold(s *step) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the fold of %s panicked: %v", s.name, p)
		}
	}()
	if value = d.value; value == nil {
		value = d.view.NewDocument()
	}
	meta := s.meta
	meta.Key = d.key.Key
	err = d.view.Fold(s.name, value, s.event, meta)
	if errors.Is(err, es.Delete) {
		return nil, nil //nolint:nilnil // the document is gone
	}
	return value, err
}

// restore folds once more what had worked: a fold that failed may have left half of its change in the value.
func (d *document) restore() {
	if d.open() != nil {
		return // it has never been opened
	}
	for _, s := range d.applied {
		d.value, _ = d.fold(s) // it has worked before, on the same value
	}
}

// undo takes the last event back, and returns it.
func (d *document) undo() *step {
	last := d.applied[len(d.applied)-1]
	d.applied = d.applied[:len(d.applied)-1]
	d.restore()
	return last
}

// write is the document as it stands. The error says that it can't be stored.
func (d *document) write() (es.DocumentWrite, error) {
	w := es.DocumentWrite{DocumentKey: d.key, Position: d.applied[len(d.applied)-1].commit.Position}
	if d.value == nil {
		return w, nil
	}
	data, err := es.Marshal(d.value)
	if err == nil {
		err = d.view.CheckDocument(data)
	}
	w.Data = data
	return w, err
}
