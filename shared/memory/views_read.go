package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"orchestrix/shared/es"
)

// Get implements [es.ViewReader].
func (s *Views) Get(_ context.Context, view, tenant, key string) (es.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return es.Document{}, err
	}
	document, ok := b.documents[es.DocumentKey{Tenant: tenant, Key: key}]
	if !ok {
		return es.Document{}, fmt.Errorf("view %s, document %q: %w", view, key, es.ErrNotFound)
	}
	return document, nil
}

// listed is a document with what its list compares.
type listed struct {
	es.Document
	text   string
	number *big.Rat // nil where the document has no such number
}

// List implements [es.ViewReader].
func (s *Views) List(_ context.Context, view, tenant string, q es.ListQuery) (es.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return es.Page{}, err
	}
	spec := b.spec
	cursor, err := spec.CheckList(tenant, q)
	if err != nil {
		return es.Page{}, err
	}
	field, _ := spec.Field(q.Sort)
	var found []listed
	for key, document := range b.documents {
		var fields map[string]json.RawMessage
		if err := es.Unmarshal(document.Data, &fields); err != nil {
			return es.Page{}, err
		}
		if key.Tenant == tenant && matches(spec, fields, q.Filter) {
			text, _ := es.FieldText(fields, q.Sort)
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
		from := sortable(es.Document{Key: cursor.Key}, field, cursor.Value)
		found = slices.DeleteFunc(found, func(l listed) bool { return order(l, from) <= 0 })
	}
	return page(view, tenant, q, found)
}

func page(view, tenant string, q es.ListQuery, found []listed) (p es.Page, err error) {
	p.Items = make([]es.Document, 0, min(len(found), q.Limit))
	for _, l := range found[:min(len(found), q.Limit)] {
		p.Items = append(p.Items, l.Document)
	}
	if len(found) > q.Limit {
		last := found[q.Limit-1]
		p.Next, err = q.CursorAfter(view, tenant, es.ListCursor{Value: last.text, Key: last.Key})
	}
	return p, err
}

func matches(spec es.ViewSpec, fields map[string]json.RawMessage, filter []es.FieldValue) bool {
	for _, f := range filter {
		field, _ := spec.Field(f.Field)
		text, ok := es.FieldText(fields, f.Field)
		switch {
		case field.Kind == es.Text && text != f.Value,
			field.Kind == es.Number && (!ok || rational(text).Cmp(rational(f.Value)) != 0):
			return false
		}
	}
	return true
}

// sortable cuts a text to what lists sort by.
func sortable(d es.Document, field es.Field, text string) listed {
	l := listed{Document: d}
	switch {
	case field.Kind == es.Number && text != "":
		l.text, l.number = text, rational(text)
	case field.Kind == es.Text:
		if runes := []rune(text); len(runes) > es.SortedPrefix {
			text = string(runes[:es.SortedPrefix])
		}
		l.text = text
	}
	return l
}

// compare orders documents without a number before those with one.
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

// Checkpoints implements [es.ViewReader].
func (s *Views) Checkpoints(_ context.Context, view string) ([]es.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.activeBuild(view)
	if err != nil {
		return nil, err
	}
	return b.sortedCheckpoints(), nil
}
