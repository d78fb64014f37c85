package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/loadgen"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
)

// quiet is for what runs in this process.
var quiet = slog.New(slog.DiscardHandler)

// openLog opens the log on a server, and creates it where it is not there.
func (s *scope) openLog(ctx context.Context, nats *process, partitions int) (*jetstream.Log, error) {
	conn, err := jetstream.Connect(ctx, nats.url, "bench", quiet)
	if err != nil {
		return nil, err
	}
	s.atEnd(func() error { conn.Close(); return nil })
	return jetstream.Open(ctx, conn, jetstream.Config{Partitions: partitions, Logger: quiet})
}

// ordersLog starts a NATS server and fills its log with so many orders, each a stream of its own.
func (s *scope) ordersLog(ctx context.Context, orders int) (*process, *jetstream.Log, error) {
	nats, err := s.natsServer(ctx, syncRelaxed)
	if err != nil {
		return nil, nil, err
	}
	log, err := s.openLog(ctx, nats, standardPartitions)
	if err != nil {
		return nil, nil, err
	}
	return nats, log, fillOrders(ctx, log, orders)
}

// fillOrders appends what placing so many orders writes, without the command service.
func fillOrders(ctx context.Context, log *jetstream.Log, orders int) error {
	progress("filling the log with %d orders", orders)
	f, err := newOrderFiller(log)
	if err != nil {
		return err
	}
	return f.fill(ctx, orders)
}

// orderFiller appends orders to a log, each a stream of its own.
type orderFiller struct {
	log    *jetstream.Log
	placed core.Recorded
	filled int64
}

func newOrderFiller(log *jetstream.Log) (*orderFiller, error) {
	registry, err := compile.Modules(modules("")...)
	if err != nil {
		return nil, err
	}
	aggregate, _ := registry.Aggregate("order")
	var event ordering.OrderPlaced
	if err := json.Unmarshal([]byte(placeBody), &event); err != nil {
		return nil, err
	}
	placed, err := aggregate.Encode(event)
	return &orderFiller{log: log, placed: placed}, err
}

// fill appends so many more.
func (f *orderFiller) fill(ctx context.Context, orders int) error {
	first := f.filled
	f.filled += int64(orders)
	return fillWith(ctx, loadgen.Options{Concurrency: 4 * connections, Count: int64(orders)}, func(ctx context.Context, n int64) error {
		id := strconv.FormatInt(first+n, 10)
		_, err := f.log.Append(ctx, core.Revision{}, core.Commit{
			Stream: core.Stream{Tenant: core.DefaultTenant, Category: "order", ID: "f" + id}, Time: time.Now().UTC(),
			Command: core.CommandRef{ID: "place-" + id}, CorrelationID: "place-" + id, CausationID: "place-" + id,
			Events: []core.Recorded{f.placed},
		})
		return err
	})
}

// fillWith does something so many times.
func fillWith(ctx context.Context, o loadgen.Options, do func(ctx context.Context, n int64) error) error {
	r := loadgen.Run(ctx, o, func(ctx context.Context, _ int, n int64) error { return do(ctx, n) })
	if r.Failed > 0 {
		return fmt.Errorf("filling the log: %w", r.Err)
	}
	return ctx.Err()
}

// tallyStream is the n-th tally of so many commits.
func tallyStream(commits int, n int64) core.Stream {
	return core.Stream{Tenant: core.DefaultTenant, Category: "tally", ID: fmt.Sprintf("c%d-%d", commits, n)}
}

// countCommand is the n-th command of a tally.
func countCommand(tally core.Stream, n int) runtime.Command {
	return runtime.Command{Stream: tally, Name: "count", ID: "c" + strconv.Itoa(n), Body: json.RawMessage(countBody)}
}

// countTallies gives each of so many tallies of a size the commits up to one of them.
func countTallies(ctx context.Context, x *command.Executor, tallies, commits, from, to int) error {
	for n := from; n < to; n++ {
		err := fillWith(ctx, loadgen.Options{Concurrency: min(connections, tallies), Count: int64(tallies)}, func(ctx context.Context, tally int64) error {
			_, err := x.Execute(ctx, countCommand(tallyStream(commits, tally), n))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
