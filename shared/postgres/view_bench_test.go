package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// eightUpdates are the updates of eight views for one commit: the first view gets a new document, three shared views a
// change of an existing one, and four views only a new position.
func eightUpdates(b *testing.B, views *postgres.Views) (all []port.ProjectionUpdate, next func()) {
	b.Helper()
	n := uint64(0)
	for i := range 8 {
		view := core.ViewSpec{Name: fmt.Sprint("view", i), Version: 1, Shared: i > 0}
		if i < 4 {
			view.Fields = core.Fields{{Name: "name", Kind: core.Text}, {Name: "n", Kind: core.Number}}
		}
		if err := views.Prepare(b.Context(), view); err != nil {
			b.Fatal(err)
		}
		c, err := views.Claim(b.Context(), view, 0, "me", time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		a := port.ProjectionUpdate{View: view, Update: port.Update{Lease: c.Lease, Mark: port.LogMark{Created: time.Now(), Commit: make([]byte, 32)}, CaughtUp: time.Now()}}
		a.Fold = func(port.FoldInput) (result port.FoldResult, _ error) {
			for _, key := range all[i].Update.Keys {
				data := fmt.Sprintf(`{"name":"a name of some length","n":%d,"more":"%0200d"}`, n, 0)
				result.Writes = append(result.Writes, port.DocumentWrite{DocumentKey: key, Position: all[i].Update.To, Data: json.RawMessage(data)})
			}
			return result, nil
		}
		all = append(all, a)
	}
	return all, func() {
		n++
		for i := range all {
			u := &all[i].Update
			u.From, u.To = u.To, core.Position{Sequence: n}
			switch {
			case i == 0:
				u.Keys = []port.DocumentKey{{Tenant: core.DefaultTenant, Key: fmt.Sprint(n)}}
			case i < 4:
				u.Keys = []port.DocumentKey{{Tenant: core.DefaultTenant, Key: "the same"}}
			}
		}
	}
}

func BenchmarkApplyTogether(b *testing.B) {
	views := postgres.NewViews(connect(b, migrated(b)))
	all, next := eightUpdates(b, views)
	for b.Loop() {
		next()
		if err := views.ApplyTogether(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyEach(b *testing.B) {
	views := postgres.NewViews(connect(b, migrated(b)))
	all, next := eightUpdates(b, views)
	for b.Loop() {
		next()
		for _, a := range all {
			if err := views.Apply(b.Context(), a.View, a.Update, a.Fold); err != nil {
				b.Fatal(err)
			}
		}
	}
}
