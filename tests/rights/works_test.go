package rights

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

// untilAvailable repeats what fails while a cluster elects leaders.
func untilAvailable(t testing.TB, do func() error) error {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = do(); !errors.Is(err, port.ErrUnavailable) {
			return err
		}
	}
	return err
}

// theBus is the bus of the services that use it: one user takes commands, another one results.
type theBus struct {
	port.MessageBus
	results port.Subscriber
}

func (b theBus) Subscribe(ctx context.Context, topic port.Topic, s port.Subscription, handle port.Handler) error {
	if topic == port.ResultTopic {
		return b.results.Subscribe(ctx, topic, s, handle)
	}
	return b.MessageBus.Subscribe(ctx, topic, s, handle)
}

// What the adapters do works as the user that does it.
func TestTheAdaptersWorkThroughTheAccounts(t *testing.T) {
	t.Parallel()
	restoring := func(t testing.TB) stores {
		in := install(t, 1, false)
		in.restore(t)
		in.migrate(t)
		return in.open(t, platform.RestoreUser)
	}
	t.Run("event store", func(t *testing.T) {
		t.Parallel()
		porttest.EventStore(t, func(t testing.TB) port.EventStore { return restoring(t).log })
	})
	t.Run("feed", func(t *testing.T) {
		t.Parallel()
		porttest.Feed(t, func(t testing.TB) port.Log { return restoring(t).log })
	})
	t.Run("restore", func(t *testing.T) {
		t.Parallel()
		porttest.Restore(t, func(t testing.TB) (log, other port.Restorable) {
			in := install(t, 1, false)
			in.restore(t)
			in.migrate(t)
			return in.open(t, platform.RestoreUser).log, in.open(t, platform.RestoreUser).log
		})
	})
	migrated := func(t testing.TB) *installation {
		in := install(t, 1, false)
		in.migrate(t)
		return in
	}
	t.Run("bus", func(t *testing.T) {
		t.Parallel()
		porttest.MessageBus(t, func(t testing.TB) port.MessageBus {
			in := migrated(t)
			return theBus{in.open(t, platform.CommandUser).bus, in.open(t, platform.ProcessUser).bus}
		})
	})
	t.Run("deadlines", func(t *testing.T) {
		t.Parallel()
		porttest.Deadlines(t, func(t testing.TB) port.Deadlines { return migrated(t).open(t, platform.ProcessUser).deadlines })
	})
	t.Run("statuses", func(t *testing.T) {
		t.Parallel()
		porttest.KeyValue(t, func(t testing.TB) port.KeyValue { return migrated(t).open(t, platform.CommandUser).statuses })
	})
}

// restore adds the user restore, and makes the server load the list of rights.
func (in *installation) restore(t testing.TB) {
	t.Helper()
	orchestrix(t, "keys", "restore", in.keys)
	in.reload(t)
}

func stream(category, id string) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: category, ID: id}
}

func commit(s core.Stream, id string) core.Commit {
	return core.Commit{
		Stream: s, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC), Command: core.CommandRef{ID: id, Hash: "h-" + id},
		CorrelationID: id, CausationID: id,
		Events: []core.Recorded{{Type: "purses.Changed", Schema: 1, Data: []byte(`{"N":1}`)}},
	}
}

// A service appends to the categories that are its own. A category that comes with an upgrade needs a new list of rights, which the
// servers load while they run.
func TestAppendsAreByCategory(t *testing.T) {
	t.Parallel()
	in := install(t, 1, false)
	in.migrate(t)
	command, process := in.open(t, platform.CommandUser).log, in.open(t, platform.ProcessUser).log
	if _, err := command.Append(t.Context(), core.Revision{}, commit(stream("purse", "a"), "c1")); err != nil {
		t.Error(err)
	}
	if _, err := process.Append(t.Context(), core.Revision{}, commit(stream("process-watch", "a"), "c1")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		log      port.Appender
		category string
	}{{process, "purse"}, {command, "process-watch"}, {command, "unknown"}} {
		_, err := c.log.Append(t.Context(), core.Revision{}, commit(stream(c.category, "b"), "c2"))
		if !errors.Is(err, port.ErrUnavailable) || !strings.Contains(err.Error(), "keys renew") || !strings.Contains(err.Error(), c.category) {
			t.Errorf("an append to %s: %v", c.category, err)
		}
	}
	in.restore(t)
	restoring := in.open(t, platform.RestoreUser).log
	if _, err := restoring.Append(t.Context(), core.Revision{}, commit(stream("unknown", "b"), "c2")); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	orchestrix(t, "keys", "restore", "--done", in.keys)
	in.reload(t)
	if _, err := platform.ConnectNATS(t.Context(), in.connections(platform.RestoreUser), "restore", quiet); err == nil {
		t.Error("the user restore has not gone")
	}
}

// With strict: false, JetStream takes an acknowledgement for a request to purge.
func TestJetStreamIsStrict(t *testing.T) {
	t.Parallel()
	lax := regexp.MustCompile(`(?i)strict\s*[:=]?\s*(false|no|off)`)
	found := 0
	for _, pattern := range []string{"deploy/compose/nats/*.conf", "deploy/k8s/components/*/*.conf", "shared/scaffold/templates/deploy/deploy/*.conf.tmpl"} {
		files, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			found++
			if content, err := os.ReadFile(file); err != nil || lax.Match(content) {
				t.Errorf("%s: JetStream must be strict, which is the default: %v", file, err)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d configurations of NATS", found)
	}
}
