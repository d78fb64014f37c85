package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	benchWorkers = 64
	benchCalls   = 20_000 // in one round
	benchRounds  = 6
	loadCommits  = 10 // of an aggregate that is loaded
)

// BenchmarkAccounts compares the throughput through the accounts with that of a user of the log's own account, on the same server,
// in rounds that take turns. It prints the median of the ratios. -benchtime 1x is enough.
func BenchmarkAccounts(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		for _, sync := range []string{"always", "1m"} {
			b.Run(fmt.Sprintf("replicas=%d/sync=%s", nodes, sync), func(b *testing.B) {
				in := &installation{sync: sync}
				in.install(b, nodes)
				in.migrate(b)
				direct := in.admin(b, "ORX")
				inside, err := jetstream.OpenExisting(b.Context(), direct, jetstream.Config{Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				c := &comparison{b: b, logs: map[string]port.Log{"inside": inside, "accounts": in.open(b, platform.CommandUser).log}}
				followed := map[string]port.Log{"inside": inside, "accounts": in.open(b, platform.ProjectionUser).log}
				for b.Loop() {
					c.compare("append-new", c.appendNew)
					c.compare("append-cached", c.appendCached)
					c.compare("cold-load", c.load)
					c.logs, followed = followed, c.logs
					c.compare("follow", c.follow)
					c.logs, followed = followed, c.logs
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// comparison measures two ways to one log.
type comparison struct {
	b    *testing.B
	logs map[string]port.Log
	ids  atomic.Int64
}

// compare reports the median ratio of the throughputs.
func (c *comparison) compare(what string, measure func(port.Log) time.Duration) {
	c.b.Helper()
	var ratios []float64
	for round := range benchRounds {
		order := []string{"inside", "accounts"}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		took := map[string]time.Duration{}
		for _, name := range order {
			took[name] = measure(c.logs[name])
		}
		ratios = append(ratios, took["inside"].Seconds()/took["accounts"].Seconds())
	}
	slices.Sort(ratios)
	c.b.ReportMetric((ratios[(benchRounds-1)/2]+ratios[benchRounds/2])/2, what)
	c.b.Logf("%s: %.2f", what, ratios)
}

// spread runs do on many workers and returns how long they took.
func (c *comparison) spread(calls int, do func(worker, call int) error) time.Duration {
	c.b.Helper()
	start := time.Now()
	var working sync.WaitGroup
	for worker := range benchWorkers {
		working.Go(func() {
			for call := range calls / benchWorkers {
				if err := do(worker, call); err != nil {
					c.b.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	return time.Since(start)
}

func sized(s core.Stream, id string) core.Commit {
	commit := commit(s, id)
	commit.Events[0].Data = []byte(`{"text":"` + strings.Repeat("x", 240) + `"}`)
	return commit
}

func (c *comparison) appendNew(log port.Log) time.Duration {
	c.b.Helper()
	return c.spread(benchCalls, func(int, int) error {
		_, err := log.Append(c.b.Context(), core.Revision{}, sized(stream("purse", fmt.Sprint("new-", c.ids.Add(1))), "c"))
		return err
	})
}

func (c *comparison) appendCached(log port.Log) time.Duration {
	c.b.Helper()
	round := c.ids.Add(1)
	var revisions [benchWorkers]core.Revision
	return c.spread(benchCalls, func(worker, call int) (err error) {
		s := stream("purse", fmt.Sprintf("cached-%d-%d", round, worker))
		revisions[worker], err = log.Append(c.b.Context(), revisions[worker], sized(s, fmt.Sprint(call)))
		return err
	})
}

func (c *comparison) load(log port.Log) time.Duration {
	c.b.Helper()
	round := c.ids.Add(1)
	name := func(worker int) core.Stream { return stream("purse", fmt.Sprintf("loaded-%d-%d", round, worker)) }
	var revisions [benchWorkers]core.Revision
	c.spread(benchWorkers*loadCommits, func(worker, call int) (err error) {
		revisions[worker], err = log.Append(c.b.Context(), revisions[worker], sized(name(worker), fmt.Sprint(call)))
		return err
	})
	return c.spread(benchCalls/loadCommits, func(worker, _ int) error {
		read := 0
		for _, err := range port.Read(c.b.Context(), log, name(worker), 0) {
			if err != nil {
				return err
			}
			read++
		}
		if read == 0 { // a replica that lags has fewer than all
			return errors.New("no commit is read")
		}
		return nil
	})
}

func (c *comparison) follow(log port.Log) time.Duration {
	c.b.Helper()
	head, err := log.Head(c.b.Context(), 0)
	if err != nil {
		c.b.Fatal(err)
	}
	enough := errors.New("enough")
	left := min(head.Position.Sequence, 5*benchCalls)
	start := time.Now()
	err = log.Follow(c.b.Context(), core.Position{}, 500, func(_ context.Context, batch port.Batch) error {
		if left <= uint64(len(batch.Commits)) {
			return enough
		}
		left -= uint64(len(batch.Commits))
		return nil
	})
	if !errors.Is(err, enough) {
		c.b.Error(err)
	}
	return time.Since(start)
}
