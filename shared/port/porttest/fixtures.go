package porttest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// patience is the timeout of conditions.
const patience = 30 * time.Second

func stream(id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: id}
}

// commit returns a commit of this number of different events.
func commit(s core.Stream, id string, events int) core.Commit {
	c := core.Commit{
		Stream: s, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC),
		Command:       core.CommandRef{ID: id, Hash: "hash-" + id},
		CorrelationID: "correlation-" + id, CausationID: "causation-" + id,
		Origin: core.Origin{Sender: "process", Principal: "Ännchen <a@b>", Actor: "bot", Via: "process-thing/a", KeyID: "k-1"},
		Trace:  core.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "vendor=value"},
	}
	for i := range events {
		c.Events = append(c.Events, core.Recorded{
			Type: "things.Happened", Schema: 1 + i%3, Data: json.RawMessage(fmt.Sprintf(`{"id":%q,"n":%d,"text":"<ü>"}`, id, i)),
		})
	}
	return c
}

// appendOK appends and fails the test where that fails.
func appendOK(t testing.TB, store port.Appender, expected core.Revision, c core.Commit) core.Revision {
	t.Helper()
	revision, err := store.Append(t.Context(), expected, c)
	if err != nil {
		t.Fatalf("append %s: %v", c.Command.ID, err)
	}
	return revision
}

// read returns the commits of a stream after a version.
func read(t testing.TB, store port.Reader, s core.Stream, after core.Version) []core.Commit {
	t.Helper()
	var commits []core.Commit
	for c, err := range port.Read(t.Context(), store, s, after) {
		if err != nil {
			t.Fatalf("read %s after %d: %v", s, after, err)
		}
		commits = append(commits, c)
	}
	return commits
}

func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: got %v, not %v", what, err, target)
	}
}
