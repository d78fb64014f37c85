package es_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"orchestrix/shared/es"
)

// history is a reader of one stream whose commits hold one event each; err, if set, comes after them.
type history struct {
	es.Reader
	newest es.Version
	err    error
}

func (h history) Last(context.Context, es.Stream) (es.Commit, error) {
	if h.newest == 0 {
		return es.Commit{}, h.err
	}
	return es.Commit{Version: h.newest}, nil
}

func (h history) Since(_ context.Context, after es.Version, last es.Commit) iter.Seq2[es.Commit, error] {
	return func(yield func(es.Commit, error) bool) {
		for v := after + 1; v <= last.Version; v++ {
			if !yield(es.Commit{Version: v}, nil) {
				return
			}
		}
		if h.err != nil {
			yield(es.Commit{}, h.err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history history
		after   es.Version
		want    []es.Version
		err     error
	}{
		"all":               {history{newest: 3}, 0, []es.Version{1, 2, 3}, nil},
		"the end":           {history{newest: 3}, 2, []es.Version{3}, nil},
		"nothing newer":     {history{newest: 3, err: es.ErrCorrupt}, 3, nil, nil},
		"beyond the end":    {history{newest: 3, err: es.ErrCorrupt}, 9, nil, nil},
		"no stream":         {history{err: es.ErrNoStream}, 0, nil, nil},
		"out of reach":      {history{err: es.ErrUnavailable}, 0, nil, es.ErrUnavailable},
		"a hole at the end": {history{newest: 2, err: es.ErrCorrupt}, 0, []es.Version{1, 2}, es.ErrCorrupt},
	} {
		var versions []es.Version
		var last error
		for commit, err := range es.Read(t.Context(), c.history, orderStream, c.after) {
			if last = err; err == nil {
				versions = append(versions, commit.Version)
			}
		}
		if !slices.Equal(versions, c.want) || !errors.Is(last, c.err) {
			t.Errorf("%s: read %v, %v", name, versions, last)
		}
	}
	for commit := range es.Read(t.Context(), history{newest: 3}, orderStream, 0) {
		if commit.Version > 1 {
			t.Error("reading went on after its end")
		}
		break
	}
}
