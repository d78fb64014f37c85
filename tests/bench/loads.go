package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/loadgen"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime/command"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

const loadConns = 32 // connections to Postgres, for all who read from it

// aggregates are how many there are of each size.
type aggregates struct {
	commits, full, quick int
}

var sizes = []aggregates{{10, 2000, 500}, {100, 1000, 200}, {10_000, 8, 2}}

// loads returns variants that load aggregates which are in no cache, in this process: what the command service does
// for the first command on an aggregate, and what others would do instead.
func loads(ctx context.Context, b *bench, s *scope) ([]variant, error) {
	l, err := newLoading(ctx, b, s)
	if err != nil {
		return nil, err
	}
	var variants []variant
	add := func(name string, commits int, one func(ctx context.Context, stream core.Stream) (int, error)) {
		count := int64(l.count(commits))
		variants = append(variants, variant{name: fmt.Sprintf("%s, %d commits", name, commits), procs: l.procs, run: func(ctx context.Context, d time.Duration) (sample, error) {
			return load(ctx, loadgen.Options{Concurrency: connections, Duration: d}, l.procs, func(ctx context.Context, _ int, n int64) error {
				got, err := one(ctx, tallyStream(commits, n%count))
				if err == nil && got != commits {
					err = fmt.Errorf("%d commits were found, not %d", got, commits)
				}
				return err
			})
		}})
	}
	for _, size := range sizes[:2] {
		add(byPointers, size.commits, l.ours(l.bare))
		add(bySubject, size.commits, l.bySubject)
		add(byRows, size.commits, l.byRows)
		add(bySnapshot, size.commits, l.ours(l.saved))
		add(forCommand, size.commits, l.forCommand(size.commits))
	}
	add(bySnapshot, sizes[2].commits, l.ours(l.saved))
	return variants, nil
}

// The ways to load an aggregate.
const (
	byPointers = "orchestrix, no snapshot"
	bySnapshot = "orchestrix, snapshot" // what a query does: it says what is in the log
	forCommand = "orchestrix, command, snapshot"
	bySubject  = "subject-filtered read"
	byRows     = "Postgres rows"
)

// loading is what loads read from.
type loading struct {
	bench       *bench
	procs       map[string]*process
	conn        *nats.Conn
	partitions  int
	pool        *pgxpool.Pool
	bare, saved *query.Queries    // without and with snapshots
	commands    *command.Executor // that keeps nothing in memory
}

func (l *loading) count(commits int) int {
	for _, size := range sizes {
		if size.commits == commits {
			return l.bench.settings.scale(size.full, size.quick)
		}
	}
	return 0
}

func newLoading(ctx context.Context, b *bench, s *scope) (*loading, error) {
	nats, err := s.natsServer(ctx, syncRelaxed)
	if err != nil {
		return nil, err
	}
	log, err := s.openLog(ctx, nats, standardPartitions)
	if err != nil {
		return nil, err
	}
	url, err := b.newDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Connect(url, postgres.Options{Conns: loadConns})
	if err != nil {
		return nil, err
	}
	s.atEnd(func() error { db.Close(); return nil })
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	registry, err := compile.Modules(modules("")...)
	if err != nil {
		return nil, err
	}
	snapshots := postgres.NewSnapshots(db, nil)
	l := &loading{
		bench: b, procs: map[string]*process{"nats": nats, "postgres": b.postgres.proc}, partitions: log.Partitions(), pool: db.Pool(),
		bare:  query.New(registry, log, postgres.NewViews(db), nil, quiet),
		saved: query.New(registry, log, postgres.NewViews(db), snapshots, quiet),
	}
	if l.conn, err = natsConnect(s, nats.url); err != nil {
		return nil, err
	}
	if l.commands, err = command.NewExecutor(registry, log, snapshots, command.Config{CacheSize: 1, Logger: quiet}); err != nil {
		return nil, err
	}
	// Snapshots are taken at the end of the executor, of everything that it has in memory.
	x, err := command.NewExecutor(registry, log, snapshots, command.Config{SnapshotEvery: 1 << 30, Logger: quiet})
	if err != nil {
		return nil, err
	}
	if err := l.fillLog(ctx, log, x); err != nil {
		return nil, err
	}
	ended, end := context.WithCancel(ctx)
	end()
	return l, errors.Join(x.Run(ended), l.fillRows(ctx))
}

func natsConnect(s *scope, url string) (*nats.Conn, error) {
	conn, err := nats.Connect(url)
	if err == nil {
		s.atEnd(func() error { conn.Close(); return nil })
	}
	return conn, err
}

// fillRounds is how often all that is in the log gets some of its commits.
const fillRounds = 100

// fillLog gives the aggregates their commits in turns, and puts those of others between them: a log is shared by many,
// and what lies between the commits of one is what a read of its subject has to get past.
func (l *loading) fillLog(ctx context.Context, log *jetstream.Log, x *command.Executor) error {
	between, err := newOrderFiller(log)
	if err != nil {
		return err
	}
	others := l.bench.settings.scale(100_000, 50_000)
	for _, size := range sizes {
		progress("filling the log with %d aggregates of %d commits", l.count(size.commits), size.commits)
	}
	progress("and with %d commits of others between them", others)
	for round := range fillRounds {
		work, ctx := errgroup.WithContext(ctx)
		work.Go(func() error { return between.fill(ctx, others/fillRounds) })
		for _, size := range sizes {
			work.Go(func() error {
				from, to := size.commits*round/fillRounds, size.commits*(round+1)/fillRounds
				return countTallies(ctx, x, l.count(size.commits), size.commits, from, to)
			})
		}
		if err := work.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// fillRows makes the same history as rows.
func (l *loading) fillRows(ctx context.Context) error {
	if _, err := l.pool.Exec(ctx, eventsTable); err != nil {
		return err
	}
	for _, size := range sizes[:2] {
		_, err := l.pool.Exec(ctx, `insert into events (stream, version, kind, data)
select 'tally/c' || $1::int || '-' || n, v, 'Counted', $3::json from generate_series(1, $1::int) v, generate_series(0, $2::int - 1) n`,
			size.commits, l.count(size.commits), countBody)
		if err != nil {
			return err
		}
	}
	_, err := l.pool.Exec(ctx, "vacuum analyze events")
	return err
}

// ours loads as the query service does.
func (l *loading) ours(q *query.Queries) func(context.Context, core.Stream) (int, error) {
	return func(ctx context.Context, stream core.Stream) (int, error) {
		state, err := q.State(ctx, stream, query.PointInTime{}, query.Wait{})
		if err != nil {
			return 0, err
		}
		return state.State.(Tally).Times, nil
	}
}

// forCommand loads as the command service does, for a command that it has had before: all of it but the append.
func (l *loading) forCommand(commits int) func(context.Context, core.Stream) (int, error) {
	return func(ctx context.Context, stream core.Stream) (int, error) {
		result, err := l.commands.Execute(ctx, countCommand(stream, commits-1))
		if err == nil && !result.Repeated {
			err = fmt.Errorf("%s had the command for the first time", stream)
		}
		return int(result.Version), err
	}
}

// byRows is an indexed read of Postgres.
func (l *loading) byRows(ctx context.Context, stream core.Stream) (int, error) {
	tally, err := foldRows(ctx, l.pool, stream.Category+"/"+stream.ID)
	return tally.Times, err
}

// bySubject reads the messages of one subject, as stores on JetStream without back-pointers do: one batch direct get,
// which is the cheapest of the ways to filter by subject.
func (l *loading) bySubject(ctx context.Context, stream core.Stream) (int, error) {
	const most = 128 // messages
	partition := strconv.Itoa(core.PartitionOf(stream.Tenant, stream.ID, l.partitions))
	subject := "orx.evt." + partition + "." + stream.Tenant + "." + stream.Category + "." + stream.ID
	inbox := l.conn.NewRespInbox()
	messages := make(chan *nats.Msg, most+1) // a synchronous subscription would make room for 64 Ki messages each time
	subscription, err := l.conn.ChanSubscribe(inbox, messages)
	if err != nil {
		return 0, err
	}
	defer subscription.Unsubscribe() //nolint:errcheck // the connection is closed at the end
	request := fmt.Sprintf(`{"seq":1,"batch":%d,"next_by_subj":%q}`, most, subject)
	if err := l.conn.PublishRequest("$JS.API.DIRECT.GET.ORX_EVENTS_"+partition, inbox, []byte(request)); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var tally Tally
	for {
		var m *nats.Msg
		select {
		case m = <-messages:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if m.Header.Get("Status") == "204" { // the end of the batch
			return tally.Times, nil
		}
		if m.Header.Get(natsjs.SequenceHeader) == "" {
			return 0, fmt.Errorf("batch get: status %s", m.Header.Get("Status"))
		}
		var events []struct {
			Data Counted `json:"data"`
		}
		if err := json.Unmarshal(m.Data, &events); err != nil {
			return 0, err
		}
		for _, e := range events {
			tally = tally.counted(e.Data)
		}
	}
}
