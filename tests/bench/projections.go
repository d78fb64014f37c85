package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
)

const (
	orderSummary = "order-summary"
	batchSize    = 500 // of the projection service, by default
)

// projected builds views from a log repeatedly, each time into an empty database.
type projected struct {
	bench  *bench
	nats   *process
	orders int
	views  string
	count  int // of the views
}

// run measures from the first to the last commit: starting the service, and creating the tables, do not count.
func (p *projected) run(ctx context.Context, _ time.Duration) (got sample, err error) {
	s := p.bench.scope()
	defer func() { err = errors.Join(err, s.close()) }()
	url, err := p.bench.newDatabase(ctx, s)
	if err != nil {
		return sample{}, err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return sample{}, err
	}
	defer pool.Close()
	readBefore, err := settled(ctx, p.nats)
	if err != nil {
		return sample{}, err
	}
	service, err := s.role(ctx, "projection", "NATS_URL="+p.nats.url, "DATABASE_URL="+url, viewsVariable+"="+p.views,
		"ORCHESTRIX_PARTITIONS="+strconv.Itoa(standardPartitions))
	if err != nil {
		return sample{}, err
	}
	procs := map[string]*process{"service": service, "nats": p.nats, "postgres": p.bench.postgres.proc}
	if dir := p.bench.settings.profile; dir != "" {
		profiled := make(chan error, 1)
		go func() {
			profiled <- fetch(ctx, service.pprof+"/debug/pprof/profile?seconds=2", filepath.Join(dir, fmt.Sprintf("projection-%d-views.pprof", p.count)))
		}()
		defer func() { err = errors.Join(err, <-profiled) }()
	}
	w := watch{pool: pool, service: service, count: p.count, total: p.orders}
	if got, err = w.untilDone(ctx, procs); err != nil {
		return got, fmt.Errorf("%w; the service printed:\n%s", err, &service.output)
	}
	readAfter, err := settled(ctx, p.nats)
	got.Values["reads"] = float64(readAfter-readBefore) / float64(p.orders)
	return got, err
}

// watch follows the progress of the views.
type watch struct {
	pool    *pgxpool.Pool
	service *process
	count   int // views
	total   int // commits that each of them has to have
}

const projectionTimeout = 10 * time.Minute

func (w *watch) untilDone(ctx context.Context, procs map[string]*process) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, projectionTimeout)
	defer cancel()
	var first, last int
	var started time.Time
	var before map[string]float64
	early, late := 0.0, 0.0 // memory at most, in the first and in the second half
	for last < w.total {
		if err := ctx.Err(); err != nil {
			return sample{}, fmt.Errorf("%d of %d commits: %w", last, w.total, err)
		}
		var sum int
		if err := w.pool.QueryRow(ctx, "select coalesce(sum(position), 0) from orchestrix.checkpoints").Scan(&sum); err != nil {
			return sample{}, err
		}
		last = sum / w.count
		if last > 0 && started.IsZero() {
			first, started, before = last, time.Now(), cpuOf(procs)
		}
		if now, ok := w.service.memory(); ok && last > 0 {
			if last < w.total/2 {
				early = max(early, now)
			} else {
				late = max(late, now)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	got := sample{Ops: int64(last - first), Values: map[string]float64{}}
	if got.Ops == 0 {
		return got, errors.New("all was done before it could be seen: take more commits")
	}
	got.Rate = float64(got.Ops) / time.Since(started).Seconds()
	got.account(before, cpuOf(procs), procs)
	if early > 0 {
		got.Values["growth"] = late / early
	}
	return got, nil
}

// settled is how many messages a NATS server has sent, once it does not count any more: it counts behind.
func settled(ctx context.Context, nats *process) (int64, error) {
	for before := int64(-1); ; {
		now, err := delivered(ctx, nats)
		if err != nil || now-before < 10 { // there are always some requests
			return now, err
		}
		before = now
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// delivered is how many messages a NATS server has sent.
func delivered(ctx context.Context, nats *process) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, nats.health+"/varz", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	var counts struct {
		OutMsgs int64 `json:"out_msgs"`
	}
	return counts.OutMsgs, json.NewDecoder(response.Body).Decode(&counts)
}

// project compares the projection of order-summary with (e).
func project(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	orders := b.settings.scale(100_000, 20_000)
	nats, log, err := s.ordersLog(ctx, orders)
	if err != nil {
		return nil, err
	}
	p := &projected{bench: b, nats: nats, orders: orders, views: orderSummary, count: 1}
	e, err := newUpserts(ctx, b, s, log, nats, orders)
	if err != nil {
		return nil, err
	}
	return []variant{{name: ours, run: p.run, whole: true}, {name: rawUpserts, run: e.run, whole: true}}, nil
}

const rawUpserts = "(e) upserts"

// upserts is (e): the rows of order-summary, ready made, into a table like the view's, as many transactions at a time as
// the log has partitions.
type upserts struct {
	bench *bench
	pool  *pgxpool.Pool
	rows  []upsertRows
	total int
}

// upsertRows is one batch, by column.
type upsertRows struct {
	tenants, keys, data   []string
	partitions, sequences []int64
}

// newUpserts lets the platform make the rows once, and takes them from there.
func newUpserts(ctx context.Context, b *bench, s *scope, log *jetstream.Log, nats *process, orders int) (*upserts, error) {
	url, err := b.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	u := &upserts{bench: b, total: orders}
	if u.pool, err = pgxpool.New(ctx, url); err != nil {
		return nil, err
	}
	s.atEnd(func() error { u.pool.Close(); return nil })
	inner := b.scope()
	defer inner.close() //nolint:errcheck // what it started has done its work
	service, err := inner.role(ctx, "projection", "NATS_URL="+nats.url, "DATABASE_URL="+url, viewsVariable+"="+orderSummary,
		"ORCHESTRIX_PARTITIONS="+strconv.Itoa(log.Partitions()))
	if err != nil {
		return nil, err
	}
	w := watch{pool: u.pool, service: service, count: 1, total: orders}
	if _, err := w.untilDone(ctx, nil); err != nil {
		return nil, err
	}
	rows, err := u.pool.Query(ctx, `select tenant, key, partition, sequence, data::text from orchestrix_views."view_order-summary_v1" order by partition, sequence`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		if n := len(u.rows); n == 0 || len(u.rows[n-1].keys) == batchSize {
			u.rows = append(u.rows, upsertRows{})
		}
		var tenant, key, data string
		var partition, sequence int64
		if err := rows.Scan(&tenant, &key, &partition, &sequence, &data); err != nil {
			return nil, err
		}
		last := &u.rows[len(u.rows)-1]
		last.tenants, last.keys, last.data = append(last.tenants, tenant), append(last.keys, key), append(last.data, data)
		last.partitions, last.sequences = append(last.partitions, partition), append(last.sequences, sequence)
	}
	return u, rows.Err()
}

func (u *upserts) run(ctx context.Context, _ time.Duration) (sample, error) {
	if _, err := u.pool.Exec(ctx, `truncate orchestrix_views."view_order-summary_v1"`); err != nil {
		return sample{}, err
	}
	procs := map[string]*process{"postgres": u.bench.postgres.proc}
	before, started := cpuOf(procs), time.Now()
	work, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range standardPartitions {
		work.Go(func() error {
			for n := next.Add(1); n <= int64(len(u.rows)); n = next.Add(1) {
				r := &u.rows[n-1]
				_, err := u.pool.Exec(ctx, `insert into orchestrix_views."view_order-summary_v1" (tenant, key, partition, sequence, data)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::json[])
on conflict (tenant, key) do update set partition = excluded.partition, sequence = excluded.sequence, data = excluded.data`,
					r.tenants, r.keys, r.partitions, r.sequences, r.data)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return sample{}, err
	}
	got := sample{Ops: int64(u.total), Rate: float64(u.total) / time.Since(started).Seconds()}
	got.account(before, cpuOf(procs), procs)
	return got, nil
}

// fourViews compares four views of one log with one of them.
func fourViews(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	orders := b.settings.scale(60_000, 15_000)
	nats, _, err := s.ordersLog(ctx, orders)
	if err != nil {
		return nil, err
	}
	one := &projected{bench: b, nats: nats, orders: orders, views: orderSummary, count: 1}
	four := &projected{bench: b, nats: nats, orders: orders, count: 4}
	return []variant{{name: oneView, run: one.run, whole: true}, {name: allViews, run: four.run, whole: true}}, nil
}

const (
	oneView  = "one view"
	allViews = "four views"
)

// rebuild compares building views from a large log with (f), which only reads it.
func rebuild(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	orders := b.settings.scale(1_000_000, 50_000)
	nats, _, err := s.ordersLog(ctx, orders)
	if err != nil {
		return nil, err
	}
	conn, err := natsConnect(s, nats.url)
	if err != nil {
		return nil, err
	}
	js, err := natsjs.New(conn)
	if err != nil {
		return nil, err
	}
	small := &projected{bench: b, nats: nats, orders: orders, views: "sales-by-country", count: 1}
	large := &projected{bench: b, nats: nats, orders: orders, views: orderSummary, count: 1}
	return []variant{
		{name: fewDocuments, run: small.run, whole: true}, {name: manyDocuments, run: large.run, whole: true},
		{name: rawConsumer, procs: map[string]*process{"nats": nats}, whole: true, run: func(ctx context.Context, _ time.Duration) (sample, error) {
			return consume(ctx, js, nats, orders)
		}},
	}, nil
}

const (
	fewDocuments  = "sales-by-country"
	manyDocuments = "order-summary"
	rawConsumer   = "(f) ordered consumer"
)

// consume is (f): one ordered consumer for each partition, which ignores the messages.
func consume(ctx context.Context, js natsjs.JetStream, nats *process, total int) (sample, error) {
	procs := map[string]*process{"nats": nats}
	before, started := cpuOf(procs), time.Now()
	var seen atomic.Int64
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	for partition := range standardPartitions {
		consumer, err := js.OrderedConsumer(ctx, "ORX_EVENTS_"+strconv.Itoa(partition), natsjs.OrderedConsumerConfig{DeliverPolicy: natsjs.DeliverAllPolicy})
		if err != nil {
			return sample{}, err
		}
		consuming, err := consumer.Consume(func(natsjs.Msg) {
			if seen.Add(1) == int64(total) {
				finish()
			}
		}, natsjs.PullMaxMessages(2*batchSize))
		if err != nil {
			return sample{}, err
		}
		defer consuming.Stop()
	}
	select {
	case <-done:
	case <-time.After(projectionTimeout):
		return sample{}, fmt.Errorf("%d of %d messages came within %v", seen.Load(), total, projectionTimeout)
	case <-ctx.Done():
		return sample{}, ctx.Err()
	}
	got := sample{Ops: int64(total), Rate: float64(total) / time.Since(started).Seconds()}
	got.account(before, cpuOf(procs), procs)
	return got, nil
}

// streams compares the command service on a log of many streams with that on one of few.
func streams(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	var variants []variant
	for _, size := range []struct {
		name  string
		count int
	}{{fewStreams, 10_000}, {manyStreams, b.settings.scale(1_000_000, 50_000)}} {
		nats, err := s.natsServer(ctx, syncRelaxed)
		if err != nil {
			return nil, err
		}
		log, err := s.openLog(ctx, nats, standardPartitions)
		if err != nil {
			return nil, err
		}
		empty, _ := nats.memory()
		if err := fillOrders(ctx, log, size.count); err != nil {
			return nil, err
		}
		full, _ := nats.memory()
		url, err := b.newDatabase(ctx, s)
		if err != nil {
			return nil, err
		}
		command, err := s.service(ctx, "command", "NATS_URL="+nats.url, "DATABASE_URL="+url, "ORCHESTRIX_PARTITIONS="+strconv.Itoa(standardPartitions))
		if err != nil {
			return nil, err
		}
		t, err := s.target(command, connections)
		if err != nil {
			return nil, err
		}
		w := &writer{procs: map[string]*process{"service": command, "nats": nats}, target: t, before: "/v1/commands/order/"}
		variants = append(variants, variant{name: size.name, procs: w.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
			got, err := load(ctx, loadOptions(d), w.procs, w.fresh())
			got.Values = map[string]float64{"bytes a stream": (full - empty) * (1 << 20) / float64(size.count)}
			return got, err
		}})
	}
	return variants, nil
}

const (
	fewStreams  = "10,000 streams"
	manyStreams = "many streams"
)
