package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/orchestrix-go/orchestrix/shared/loadgen"
)

func loadOptions(d time.Duration) loadgen.Options {
	return loadgen.Options{Concurrency: connections, Duration: d}
}

// platform is all services with their shipped configuration.
type platform struct {
	nats, command, projection, query *process
	url                              string // of the database
}

func (s *scope) platform(ctx context.Context, sync string, env ...string) (p platform, err error) {
	if p.nats, err = s.natsServer(ctx, sync); err != nil {
		return p, err
	}
	if p.url, err = s.bench.newDatabase(ctx, s); err != nil {
		return p, err
	}
	env = append(env, "NATS_URL="+p.nats.url, "DATABASE_URL="+p.url, "ORCHESTRIX_PARTITIONS="+strconv.Itoa(standardPartitions))
	for _, part := range []struct {
		name string
		into **process
	}{{"command", &p.command}, {"projection", &p.projection}, {"query", &p.query}} {
		if *part.into, err = s.service(ctx, part.name, env...); err != nil {
			return p, err
		}
	}
	return p, nil
}

// place places orders with the ids up to count.
func (p platform) place(ctx context.Context, s *scope, count int64) error {
	t, err := s.target(p.command, connections)
	if err != nil {
		return err
	}
	r := loadgen.Run(ctx, loadgen.Options{Concurrency: connections, Count: count}, t.post("/v1/commands/order/", 0, "/place", placeBody))
	if r.Failed > 0 {
		return r.Err
	}
	return ctx.Err()
}

// view compares one document by its key over HTTP with (d).
func view(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	p, err := s.platform(ctx, syncRelaxed)
	if err != nil {
		return nil, err
	}
	documents := int64(b.settings.scale(20_000, 5_000))
	if err := p.place(ctx, s, documents); err != nil {
		return nil, err
	}
	baseline, err := s.role(ctx, roleBaseline, "DATABASE_URL="+p.url, "ORCHESTRIX_DATABASE_CONNS=10") // as many as the query service
	if err != nil {
		return nil, err
	}
	var variants []variant
	for _, v := range []struct {
		name, before string
		service      *process
	}{{ours, "/v1/views/order-summary/", p.query}, {bareSelect, "/view/", baseline}} {
		t, err := s.target(v.service, connections)
		if err != nil {
			return nil, err
		}
		if err := t.awaitAll(ctx, v.before, documents); err != nil {
			return nil, err
		}
		procs := map[string]*process{"service": v.service, "postgres": b.postgres.proc}
		variants = append(variants, variant{name: v.name, procs: procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
			return load(ctx, loadOptions(d), procs, func(ctx context.Context, worker int, n int64) error {
				_, err := t.send(ctx, worker, http.MethodGet, v.before+strconv.FormatInt(n*7919%documents, 10), "")
				return err
			})
		}})
	}
	return variants, nil
}

const bareSelect = "(d) handler + select"

// awaitAll waits until the newest documents are there.
func (t *target) awaitAll(ctx context.Context, before string, documents int64) error {
	deadline := time.Now().Add(readyTimeout)
	for n := max(0, documents-connections); n < documents; {
		_, err := t.send(ctx, 0, http.MethodGet, before+strconv.FormatInt(n, 10), "")
		if err == nil {
			n++
			continue
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// freshness measures how long it takes from the answer to a command until its view can be read.
func freshness(ctx context.Context, _ *bench, s *scope) ([]variant, error) {
	const commandsPerSecond = 500
	p, err := s.platform(ctx, syncAlways)
	if err != nil {
		return nil, err
	}
	toCommand, err := s.target(p.command, connections)
	if err != nil {
		return nil, err
	}
	toQuery, err := s.target(p.query, connections)
	if err != nil {
		return nil, err
	}
	procs := map[string]*process{"command": p.command, "projection": p.projection, "query": p.query, "nats": p.nats, "postgres": s.bench.postgres.proc}
	var from atomic.Int64
	return []variant{{name: ours, procs: procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
		waits := make([]*hdrhistogram.Histogram, connections)
		for i := range waits {
			waits[i] = hdrhistogram.New(1, time.Minute.Microseconds(), 3)
		}
		first := from.Add(1 << 32)
		got, err := load(ctx, loadgen.Options{Concurrency: connections, Rate: commandsPerSecond, Duration: d}, procs, func(ctx context.Context, worker int, n int64) error {
			id := strconv.FormatInt(first+n, 10)
			answered, err := toCommand.send(ctx, worker, http.MethodPost, "/v1/commands/order/"+id+"/place", placeBody)
			if err != nil {
				return err
			}
			start := time.Now()
			if err := toQuery.read(ctx, worker, "/v1/views/order-summary/"+id, answered.Header.Get("Orchestrix-Position")); err != nil {
				return err
			}
			return waits[worker].RecordValue(time.Since(start).Microseconds())
		})
		for _, w := range waits[1:] {
			waits[0].Merge(w)
		}
		got.Values = map[string]float64{
			"fresh p50": float64(waits[0].ValueAtQuantile(50)) / 1000, "fresh p99": float64(waits[0].ValueAtQuantile(99)) / 1000,
		}
		return got, err
	}}}, nil
}

// read waits for a position and reads a document.
func (t *target) read(ctx context.Context, worker int, path, position string) error {
	client := t.clients[worker]
	r, err := client.Request(http.MethodGet, path, http.Header{"Orchestrix-Position": {position}, "Prefer": {"wait=20"}})
	if err != nil {
		return err
	}
	answer, err := client.Do(ctx, r)
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s at %s: status %d: %.300s", path, position, answer.Status, answer.Body)
	}
	return err
}

// memory shows what the services need when they are idle, and what a full cache adds.
func memory(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	p, err := s.platform(ctx, syncRelaxed)
	if err != nil {
		return nil, err
	}
	variants := []variant{{name: "idle", run: func(ctx context.Context, d time.Duration) (sample, error) {
		got := sample{Values: map[string]float64{}}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return got, ctx.Err()
		}
		for name, service := range map[string]*process{"command": p.command, "projection": p.projection, "query": p.query} {
			got.Values[name], _ = service.memory()
		}
		return got, nil
	}}}
	cached := b.settings.scale(50_000, 20_000)
	nats, err := s.natsServer(ctx, syncRelaxed)
	if err != nil {
		return nil, err
	}
	small, err := s.service(ctx, "command", "NATS_URL="+nats.url, "DATABASE_URL="+p.url, "ORCHESTRIX_CACHE_SIZE="+strconv.Itoa(cached))
	if err != nil {
		return nil, err
	}
	empty, err := small.heap(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.target(small, connections)
	if err != nil {
		return nil, err
	}
	progress("filling a cache of %d aggregates, and then twice as many more", cached)
	var after [2]float64
	var full float64
	for i, orders := range []int{cached, 2 * cached} {
		from := int64(i) << 32
		r := loadgen.Run(ctx, loadgen.Options{Concurrency: connections, Count: int64(orders)}, t.post("/v1/commands/order/", from, "/place", placeBody))
		if r.Failed > 0 {
			return nil, r.Err
		}
		after[i], _ = small.memory()
		if i > 0 {
			continue
		}
		if full, err = small.heap(ctx); err != nil {
			return nil, err
		}
	}
	return append(variants, variant{name: "full cache", run: func(context.Context, time.Duration) (sample, error) {
		return sample{Values: map[string]float64{
			"MiB": after[0], "MiB after 3 × as many": after[1], "growth": after[1] / after[0],
			"KiB an aggregate": (full - empty) * 1024 / float64(cached),
		}}, nil
	}}), nil
}
