package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// openDeadlines opens the deadlines of a platform, as a process service does.
func openDeadlines(t testing.TB, p *platform) *jetstream.Deadlines {
	t.Helper()
	var deadlines *jetstream.Deadlines
	eventually(t, "NATS", func() error {
		conn, err := jetstream.Connect(t.Context(), p.natsURL, t.Name(), nil)
		if err != nil {
			return err
		}
		log, err := jetstream.Open(t.Context(), conn, jetstream.Config{})
		if err == nil {
			var bus *jetstream.Bus
			if bus, err = jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{}); err == nil {
				deadlines, err = jetstream.OpenDeadlines(t.Context(), bus)
			}
		}
		if err != nil {
			conn.Close()
			return err
		}
		t.Cleanup(conn.Close)
		return nil
	})
	return deadlines
}

// NATS is killed between the setting of deadlines and their time, and is down at their time: every deadline arrives late,
// and none that was cancelled or replaced.
func TestDeadlinesOutliveAKillOfNATS(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "")
	p.startNATS()
	deadlines := openDeadlines(t, p)
	const count = 60
	at := time.Now().UTC().Add(10 * time.Second)
	for i := range count {
		d := port.Deadline{
			Of: core.Stream{Tenant: core.DefaultTenant, Category: "process-test", ID: fmt.Sprint("i", i)}, Name: "wait", ID: fmt.Sprint("first-", i), At: at,
		}
		err := deadlines.SetDeadline(t.Context(), d)
		switch i % 3 {
		case 1:
			d.ID, d.At = fmt.Sprint("second-", i), at.Add(time.Second)
			err = deadlines.SetDeadline(t.Context(), d)
		case 2:
			err = deadlines.CancelDeadline(t.Context(), d.Of, d.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if time.Now().After(at) {
		t.Skip("this machine is too slow to set the deadlines before their time")
	}
	p.nats.kill()
	time.Sleep(time.Until(at.Add(time.Second)))
	p.nats.start()

	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var mu sync.Mutex
	came := map[string]bool{}
	err := deadlines.Due(ctx, port.Subscription{Group: "process"}, func(_ context.Context, d port.Deadline) error {
		mu.Lock()
		defer mu.Unlock()
		if came[d.ID] = true; len(came) == count*2/3 {
			stop()
		}
		return nil
	})
	if err != nil || len(came) != count*2/3 {
		t.Fatalf("%d of %d deadlines came: %v", len(came), count*2/3, err)
	}
	for id := range came {
		var i int
		kind, number, _ := strings.Cut(id, "-")
		if _, err := fmt.Sscan(number, &i); err != nil || i%3 == 2 || (kind == "second") != (i%3 == 1) {
			t.Errorf("%s came", id)
		}
	}
	if pending, err := openDeadlines(t, p).PendingDeadlines(t.Context(), port.DeadlineQuery{}); err != nil || len(pending) > 0 {
		t.Errorf("pending afterwards: %v, %v", pending, err)
	}
}
