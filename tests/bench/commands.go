package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/loadgen"
)

const connections = 64

// target is a server under load, each worker on a connection of its own.
type target struct {
	clients []*loadgen.Client
}

func (s *scope) target(p *process, connections int) (*target, error) {
	t := &target{clients: make([]*loadgen.Client, connections)}
	for i := range t.clients {
		c, err := loadgen.NewClient(p.url)
		if err != nil {
			return nil, err
		}
		t.clients[i] = c
		s.atEnd(func() error { c.Close(); return nil })
	}
	return t, nil
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// send makes one request and expects 200.
func (t *target) send(ctx context.Context, worker int, method, path, body string) (loadgen.Answer, error) {
	client := t.clients[worker]
	r, err := client.Request(method, path, jsonHeader)
	if err != nil {
		return loadgen.Answer{}, err
	}
	if body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	answer, err := client.Do(ctx, r)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s %s: status %d: %.300s", method, path, answer.Status, answer.Body)
	}
	return answer, err
}

// post sends one command to each id after from.
func (t *target) post(before string, from int64, command, body string) loadgen.Do {
	return func(ctx context.Context, worker int, n int64) error {
		_, err := t.send(ctx, worker, http.MethodPost, before+strconv.FormatInt(from+n, 10)+command, body)
		return err
	}
}

// places returns variants that place new orders: Orchestrix, (a), (b) and (c), in one way to sync.
func places(sync string, partitions, connections int, with ...string) func(context.Context, *bench, *scope) ([]variant, error) {
	return func(ctx context.Context, b *bench, s *scope) ([]variant, error) {
		all, err := s.writers(ctx, sync, partitions, connections)
		if err != nil {
			return nil, err
		}
		var variants []variant
		for _, name := range with {
			w, ok := all[name]
			if !ok {
				return nil, fmt.Errorf("no writer %q", name)
			}
			variants = append(variants, variant{name: name, procs: w.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
				return load(ctx, loadgen.Options{Concurrency: connections, Duration: d}, w.procs, w.fresh())
			}})
		}
		return variants, nil
	}
}

// The names of variants.
const (
	ours        = "orchestrix"
	rawPublish  = "(a) publish"
	bareHandler = "(b) handler + publish"
	rowHandler  = "(c) handler + row"
)

// writer is one of the ways to write an order.
type writer struct {
	procs  map[string]*process
	target *target // nil for (a)
	before string  // the path before the id
	raw    *publisher
	next   atomic.Int64
}

// fresh places orders that are not there yet.
func (w *writer) fresh() loadgen.Do {
	from := w.next.Add(1 << 32)
	if w.raw != nil {
		return func(ctx context.Context, _ int, n int64) error {
			_, err := w.raw.publish(ctx, strconv.FormatInt(from+n, 10), []byte(placeBody))
			return err
		}
	}
	return w.target.post(w.before, from, "/place", placeBody)
}

// again places so many orders, and returns what ships each of them.
func (w *writer) again(ctx context.Context, connections int, count int64) (loadgen.Do, error) {
	from := w.next.Add(1 << 32)
	placed := loadgen.Run(ctx, loadgen.Options{Concurrency: connections, Count: count}, w.target.post(w.before, from, "/place", placeBody))
	if placed.Failed > 0 {
		return nil, fmt.Errorf("placing the orders: %w", placed.Err)
	}
	return w.target.post(w.before, from, "/ship", shipBody), ctx.Err()
}

// writers starts NATS, Postgres, the command service and the baselines.
func (s *scope) writers(ctx context.Context, sync string, partitions, connections int) (map[string]*writer, error) {
	nats, err := s.natsServer(ctx, sync)
	if err != nil {
		return nil, err
	}
	url, err := s.bench.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	own, err := s.bench.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	parts := "ORCHESTRIX_PARTITIONS=" + strconv.Itoa(partitions)
	command, err := s.service(ctx, "command", "NATS_URL="+nats.url, "DATABASE_URL="+own, parts)
	if err != nil {
		return nil, err
	}
	baseline, err := s.role(ctx, roleBaseline, "NATS_URL="+nats.url, "DATABASE_URL="+url, parts, fmt.Sprintf("ORCHESTRIX_DATABASE_CONNS=%d", min(connections, 100)))
	if err != nil {
		return nil, err
	}
	raw, err := newPublisher(ctx, nats.url, partitions)
	if err != nil {
		return nil, err
	}
	s.atEnd(func() error { raw.js.Conn().Close(); return nil })
	toCommand, err := s.target(command, connections)
	if err != nil {
		return nil, err
	}
	toBaseline, err := s.target(baseline, connections)
	if err != nil {
		return nil, err
	}
	postgres := s.bench.postgres.proc
	writers := map[string]*writer{
		ours:        {procs: map[string]*process{"service": command, "nats": nats}, target: toCommand, before: "/v1/commands/order/"},
		rawPublish:  {procs: map[string]*process{"nats": nats}, raw: raw},
		bareHandler: {procs: map[string]*process{"service": baseline, "nats": nats}, target: toBaseline, before: "/publish/"},
		rowHandler:  {procs: map[string]*process{"service": baseline, "postgres": postgres}, target: toBaseline, before: "/insert/"},
	}
	writers[rawPublish].next.Store(1 << 60) // apart from those of (b), whose streams it shares
	return writers, nil
}

// ships returns variants that ship orders which were placed shortly before.
func ships(sync string) func(context.Context, *bench, *scope) ([]variant, error) {
	return func(ctx context.Context, _ *bench, s *scope) ([]variant, error) {
		all, err := s.writers(ctx, sync, standardPartitions, connections)
		if err != nil {
			return nil, err
		}
		var variants []variant
		for _, name := range []string{ours, bareHandler} {
			w, rate := all[name], 500.0
			variants = append(variants, variant{name: name, procs: w.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
				count := max(int64(rate*d.Seconds()), connections)
				ship, err := w.again(ctx, connections, count)
				if err != nil {
					return sample{}, err
				}
				got, err := load(ctx, loadgen.Options{Concurrency: connections, Count: count}, w.procs, ship)
				rate = got.Rate // about as long as the others next time
				return got, err
			}})
		}
		return variants, nil
	}
}

const standardPartitions = 4

// halfLoad returns variants that place new orders at half of what the platform can take.
func halfLoad(sync string) func(context.Context, *bench, *scope) ([]variant, error) {
	return func(ctx context.Context, b *bench, s *scope) ([]variant, error) {
		all, err := s.writers(ctx, sync, standardPartitions, connections)
		if err != nil {
			return nil, err
		}
		var rates []float64
		for range 3 {
			got, err := load(ctx, loadgen.Options{Concurrency: connections, Duration: b.settings.duration()}, all[ours].procs, all[ours].fresh())
			if err != nil {
				return nil, err
			}
			rates = append(rates, got.Rate)
		}
		half := median(rates) / 2
		progress("half load is %.0f commands a second", half)
		var variants []variant
		for _, name := range []string{ours, bareHandler} {
			w := all[name]
			variants = append(variants, variant{name: name, procs: w.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
				return load(ctx, loadgen.Options{Concurrency: connections, Rate: half, Duration: d}, w.procs, w.fresh())
			}})
		}
		return variants, nil
	}
}

// partitioned returns variants that differ in the number of partitions.
func partitioned(ctx context.Context, _ *bench, s *scope) ([]variant, error) {
	const many = 256
	var variants []variant
	for _, partitions := range []int{1, 8} {
		all, err := s.writers(ctx, syncAlways, partitions, many)
		if err != nil {
			return nil, err
		}
		w := all[ours]
		variants = append(variants, variant{name: strconv.Itoa(partitions) + " partitions", procs: w.procs,
			run: func(ctx context.Context, d time.Duration) (sample, error) {
				return load(ctx, loadgen.Options{Concurrency: many, Duration: d}, w.procs, w.fresh())
			}})
	}
	return variants, nil
}

// tallies returns variants that add to aggregates of ten commits: Orchestrix has them in its cache, (c′) loads and folds
// their rows.
func tallies(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	nats, err := s.natsServer(ctx, syncAlways)
	if err != nil {
		return nil, err
	}
	url, err := b.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	own, err := b.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	command, err := s.role(ctx, "command", "NATS_URL="+nats.url, "DATABASE_URL="+own, "ORCHESTRIX_PARTITIONS="+strconv.Itoa(standardPartitions))
	if err != nil {
		return nil, err
	}
	baseline, err := s.role(ctx, roleBaseline, "DATABASE_URL="+url, fmt.Sprintf("ORCHESTRIX_DATABASE_CONNS=%d", connections))
	if err != nil {
		return nil, err
	}
	var variants []variant
	streams, commits := int64(b.settings.scale(2048, 512)), int64(10)
	for _, v := range []struct {
		name, before string
		procs        map[string]*process
	}{
		{ours, "/v1/commands/tally/", map[string]*process{"service": command, "nats": nats}},
		{rowsHandler, "/fold/", map[string]*process{"service": baseline, "postgres": b.postgres.proc}},
	} {
		t, err := s.target(v.procs["service"], connections)
		if err != nil {
			return nil, err
		}
		// Each worker goes round streams of its own: this is not about conflicts.
		rounds := make([]int64, connections)
		count := func(ctx context.Context, worker int, _ int64) error {
			rounds[worker]++
			id := int64(worker) + connections*(rounds[worker]%(streams/connections))
			_, err := t.send(ctx, worker, http.MethodPost, v.before+"t"+strconv.FormatInt(id, 10)+"/count", countBody)
			return err
		}
		if _, err := load(ctx, loadgen.Options{Concurrency: connections, Count: streams * commits}, nil, count); err != nil {
			return nil, fmt.Errorf("%s: filling: %w", v.name, err)
		}
		variants = append(variants, variant{name: v.name, procs: v.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
			return load(ctx, loadgen.Options{Concurrency: connections, Duration: d}, v.procs, count)
		}})
	}
	return variants, nil
}

const rowsHandler = "(c') handler + 10 rows"
