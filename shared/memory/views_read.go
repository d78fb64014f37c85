package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// Get implements [port.ViewReader].
func (s *Views) Get(_ context.Context, view, tenant, key string) (core.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return core.Document{}, err
	}
	document, ok := b.documents[port.DocumentKey{Tenant: tenant, Key: key}]
	if !ok {
		return core.Document{}, fmt.Errorf("view %s, document %q: %w", view, key, core.ErrNotFound)
	}
	return document, nil
}

// listed is a document with the values by which a list sorts it.
type listed struct {
	core.Document
	text   string
	number *big.Rat // nil: the document has no number in this field
}

// List implements [port.ViewReader].
func (s *Views) List(_ context.Context, view, tenant string, q core.ListQuery) (core.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return core.Page{}, err
	}
	spec := b.spec
	cursor, err := spec.CheckList(tenant, q)
	if err != nil {
		return core.Page{}, err
	}
	field, _ := spec.Field(q.Sort)
	var found []listed
	for key, document := range b.documents {
		var fields map[string]json.RawMessage
		if err := core.Unmarshal(document.Data, &fields); err != nil {
			return core.Page{}, err
		}
		if key.Tenant == tenant && matches(spec, fields, q.Filter) {
			text, _ := core.FieldText(fields, q.Sort)
			found = append(found, sortable(document, field, text))
		}
	}
	order := func(a, b listed) int {
		if q.Desc {
			a, b = b, a
		}
		return compare(a, b)
	}
	slices.SortFunc(found, order)
	if cursor != nil {
		from := sortable(core.Document{Key: cursor.Key}, field, cursor.Value)
		found = slices.DeleteFunc(found, func(l listed) bool { return order(l, from) <= 0 })
	}
	return page(view, tenant, q, found)
}

func page(view, tenant string, q core.ListQuery, found []listed) (p core.Page, err error) {
	p.Items = make([]core.Document, 0, min(len(found), q.Limit))
	size := 0
	for _, l := range found[:min(len(found), q.Limit)] {
		if size += len(l.Data); size > core.MaxListBytes && len(p.Items) > 0 {
			break
		}
		p.Items = append(p.Items, l.Document)
	}
	if len(found) > len(p.Items) {
		last := found[len(p.Items)-1]
		p.Next, err = core.ListCursor{Value: last.text, Key: last.Key}.Text(view, tenant, q)
	}
	return p, err
}

func matches(spec core.ViewSpec, fields map[string]json.RawMessage, filter []core.FieldValue) bool {
	for _, f := range filter {
		field, _ := spec.Field(f.Field)
		text, ok := core.FieldText(fields, f.Field)
		switch {
		case field.Kind == core.Text && text != f.Value,
			field.Kind == core.Number && (!ok || rational(text).Cmp(rational(f.Value)) != 0):
			return false
		}
	}
	return true
}

// sortable cuts the text to the prefix by which lists sort.
func sortable(d core.Document, field core.Field, text string) listed {
	l := listed{Document: d}
	switch {
	case field.Kind == core.Number && text != "":
		l.text, l.number = text, rational(text)
	case field.Kind == core.Text:
		if runes := []rune(text); len(runes) > core.SortedPrefix {
			text = string(runes[:core.SortedPrefix])
		}
		l.text = text
	}
	return l
}

// compare sorts documents without a number before those with one.
func compare(a, b listed) int {
	switch {
	case a.number != nil && b.number != nil:
		return cmp.Or(a.number.Cmp(b.number), strings.Compare(a.Key, b.Key))
	case a.number != nil:
		return 1
	case b.number != nil:
		return -1
	}
	return cmp.Or(strings.Compare(a.text, b.text), strings.Compare(a.Key, b.Key))
}

func rational(text string) *big.Rat {
	r, _ := new(big.Rat).SetString(text)
	return r
}

// Checkpoints implements [port.ViewReader].
func (s *Views) Checkpoints(_ context.Context, view string) ([]port.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return nil, err
	}
	return b.sortedCheckpoints(), nil
}
