package port_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

var orderStream = core.Stream{Tenant: "default", Category: "order", ID: "10248"}

// history is a reader of one stream whose commits hold one event each; err, if set, comes after them.
type history struct {
	port.Reader
	newest core.Version
	err    error
}

func (h history) Last(context.Context, core.Stream) (core.Commit, error) {
	if h.newest == 0 {
		return core.Commit{}, h.err
	}
	return core.Commit{Version: h.newest}, nil
}

func (h history) Since(_ context.Context, after core.Version, last core.Commit) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		for v := after + 1; v <= last.Version; v++ {
			if !yield(core.Commit{Version: v}, nil) {
				return
			}
		}
		if h.err != nil {
			yield(core.Commit{}, h.err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history history
		after   core.Version
		want    []core.Version
		err     error
	}{
		"all":               {history{newest: 3}, 0, []core.Version{1, 2, 3}, nil},
		"the end":           {history{newest: 3}, 2, []core.Version{3}, nil},
		"nothing newer":     {history{newest: 3, err: core.ErrCorrupt}, 3, nil, nil},
		"beyond the end":    {history{newest: 3, err: core.ErrCorrupt}, 9, nil, nil},
		"no stream":         {history{err: port.ErrNoStream}, 0, nil, nil},
		"out of reach":      {history{err: port.ErrUnavailable}, 0, nil, port.ErrUnavailable},
		"a hole at the end": {history{newest: 2, err: core.ErrCorrupt}, 0, []core.Version{1, 2}, core.ErrCorrupt},
	} {
		var versions []core.Version
		var last error
		for commit, err := range port.Read(t.Context(), c.history, orderStream, c.after) {
			if last = err; err == nil {
				versions = append(versions, commit.Version)
			}
		}
		if !slices.Equal(versions, c.want) || !errors.Is(last, c.err) {
			t.Errorf("%s: read %v, %v", name, versions, last)
		}
	}
	for commit := range port.Read(t.Context(), history{newest: 3}, orderStream, 0) {
		if commit.Version > 1 {
			t.Error("reading went on after its end")
		}
		break
	}
}
