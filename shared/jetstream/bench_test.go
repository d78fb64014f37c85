package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const benchWorkers = 64

var payload = []byte(`{"text":"` + strings.Repeat("x", 240) + `"}`)

func sized(s core.Stream, id string) core.Commit {
	c := happened(s, id)
	c.Events[0].Data = payload
	return c
}

// spread runs do b.N times on so many workers, with a number of its own each time.
func spread(b *testing.B, workers int, do func(n int64) error) {
	b.Helper()
	var next atomic.Int64
	var working sync.WaitGroup
	b.ResetTimer()
	before := cpu()
	for range workers {
		working.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkAppend compares an append with a synchronous and an asynchronous publish of the client library.
func BenchmarkAppend(b *testing.B) {
	b.Run("append", func(b *testing.B) {
		log, _ := openLog(b, jetstream.Config{})
		spread(b, benchWorkers, func(n int64) error {
			_, err := log.Append(b.Context(), core.Revision{}, sized(thing(fmt.Sprint(n)), "c"))
			return err
		})
	})
	message := func(n int64) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orx.evt.%d.default.thing.%d", n%4, n), Data: make([]byte, 700), Header: nats.Header{
			njs.MsgIDHeader: {fmt.Sprint(n)}, njs.ExpectedLastSubjSeqHeader: {"0"}}}
	}
	b.Run("plain publish", func(b *testing.B) {
		_, conn := openLog(b, jetstream.Config{})
		js, _ := njs.New(conn)
		spread(b, benchWorkers, func(n int64) error {
			_, err := js.PublishMsg(b.Context(), message(n))
			return err
		})
	})
	b.Run("plain publish async", func(b *testing.B) {
		_, conn := openLog(b, jetstream.Config{})
		js, _ := njs.New(conn)
		spread(b, benchWorkers, func(n int64) error {
			ack, err := js.PublishMsgAsync(message(n))
			if err != nil {
				return err
			}
			select {
			case <-ack.Ok():
				return nil
			case err := <-ack.Err():
				return err
			}
		})
	})
}

// filled is a log with streams of so many commits, written alternately, so that the commits of a stream are not adjacent.
func filled(b *testing.B, streams, commits int) *jetstream.Log {
	b.Helper()
	log, _ := openLog(b, jetstream.Config{})
	revisions := make([]core.Revision, streams)
	for n := range commits {
		for i := range revisions {
			revisions[i] = mustAppend(b, log, revisions[i], sized(thing(fmt.Sprint(i)), fmt.Sprint(n)))
		}
	}
	return log
}

func BenchmarkLast(b *testing.B) {
	const streams = 1000
	log := filled(b, streams, 1)
	for name, last := range map[string]func(context.Context, core.Stream) (core.Commit, error){
		"any replica": log.Last, "leader": log.LastConfirmed,
	} {
		for _, workers := range []int{1, benchWorkers} {
			b.Run(fmt.Sprintf("%s/%d callers", name, workers), func(b *testing.B) {
				spread(b, workers, func(n int64) error {
					_, err := last(b.Context(), thing(fmt.Sprint(n%streams)))
					return err
				})
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, commits := range []int{1, 10, 100, 1000} {
		const streams = 20
		log := filled(b, streams, commits)
		for _, workers := range []int{1, benchWorkers} {
			b.Run(fmt.Sprintf("%d commits/%d callers", commits, workers), func(b *testing.B) {
				spread(b, workers, func(n int64) error {
					got := 0
					for _, err := range port.Read(b.Context(), log, thing(fmt.Sprint(n%streams)), 0) {
						if err != nil {
							return err
						}
						got++
					}
					if got != commits {
						return fmt.Errorf("read %d commits", got)
					}
					return nil
				})
			})
		}
	}
}

func BenchmarkFollow(b *testing.B) {
	const commits = 20_000
	log, _ := openLog(b, jetstream.Config{Partitions: 1})
	revisions := make([]core.Revision, 200)
	for n := range commits {
		i := n % len(revisions)
		revisions[i] = mustAppend(b, log, revisions[i], sized(thing(fmt.Sprint(i)), fmt.Sprint(n)))
	}
	errEnd := errors.New("end")
	for b.Loop() {
		seen := 0
		err := log.Follow(b.Context(), core.Position{}, 500, func(_ context.Context, batch port.Batch) error {
			if seen += len(batch.Commits); seen == commits {
				return errEnd
			}
			return nil
		})
		if !errors.Is(err, errEnd) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(commits*b.N)/b.Elapsed().Seconds(), "commits/s")
}
