package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The baselines are what a team would write without the platform, each reduced to the minimum: no check except that the
// body is JSON of the right shape, no idempotency, no envelope.

// baseline is one process with all of them. It gets its addresses from the variables of the platform.
type baseline struct {
	publisher *publisher
	pool      *pgxpool.Pool
}

const (
	eventsTable = `create table if not exists events (
	stream text not null, version bigint not null, kind text not null, data json not null, at timestamptz not null default now(),
	primary key (stream, version))`
	insertEvent  = "insert into events (stream, version, kind, data) values ($1, $2, $3, $4)"
	selectEvents = "select data from events where stream = $1 order by version"
	selectView   = `select data from orchestrix_views."view_order-summary_v1" where tenant = 'default' and key = $1`
)

func runBaseline(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var b baseline
	mux := http.NewServeMux()
	if url := os.Getenv("NATS_URL"); url != "" {
		partitions, err := strconv.Atoi(os.Getenv("ORCHESTRIX_PARTITIONS"))
		if err != nil {
			return err
		}
		if b.publisher, err = newPublisher(ctx, url, partitions); err != nil {
			return err
		}
		mux.HandleFunc("POST /publish/{id}/{command}", b.publish)
	}
	if url := os.Getenv("DATABASE_URL"); url != "" {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			return err
		}
		conns, err := strconv.ParseInt(os.Getenv("ORCHESTRIX_DATABASE_CONNS"), 10, 32)
		if err != nil {
			return err
		}
		config.MaxConns = int32(conns)
		if b.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return err
		}
		if _, err := b.pool.Exec(ctx, eventsTable); err != nil {
			return err
		}
		mux.HandleFunc("POST /insert/{id}/{command}", b.insert)
		mux.HandleFunc("POST /fold/{id}/{command}", b.fold)
		mux.HandleFunc("GET /view/{key}", b.view)
	}
	health := http.NewServeMux()
	health.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	failed := make(chan error, 2)
	for variable, handler := range map[string]http.Handler{"ORCHESTRIX_ADDR": mux, "ORCHESTRIX_HEALTH_ADDR": health} {
		server := &http.Server{Addr: os.Getenv(variable), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		go func() { failed <- server.ListenAndServe() }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// publisher is (a): a publish with the expected last sequence of the subject. It keeps the sequences in memory, as the
// simplest program would.
type publisher struct {
	js         jetstream.JetStream
	partitions int
	sequences  sync.Map
}

func newPublisher(ctx context.Context, url string, partitions int) (*publisher, error) {
	conn, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	for i := range partitions { // as many streams as the log has: streams sync concurrently
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "BASE_" + strconv.Itoa(i), Subjects: []string{fmt.Sprintf("base.%d.*", i)}, AllowDirect: true,
		})
		if err != nil {
			return nil, err
		}
	}
	return &publisher{js: js, partitions: partitions}, nil
}

func (p *publisher) publish(ctx context.Context, id string, body []byte) (uint64, error) {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, id)
	expected := uint64(0)
	if last, ok := p.sequences.Load(id); ok {
		expected = last.(uint64)
	}
	subject := "base." + strconv.Itoa(int(hash.Sum32()%uint32(p.partitions))) + "." + id
	ack, err := p.js.Publish(ctx, subject, body, jetstream.WithExpectLastSequencePerSubject(expected))
	if err != nil {
		return 0, err
	}
	p.sequences.Store(id, ack.Sequence)
	return ack.Sequence, nil
}

// read decodes the body of a command.
func read(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	var into any
	switch command := r.PathValue("command"); command {
	case "place":
		into = &order{}
	case "ship":
		into = &shipment{}
	case "count":
		into = &Count{}
	default:
		return nil, errors.New("no command " + command)
	}
	return body, json.Unmarshal(body, into)
}

type answer struct {
	ID       string `json:"id"`
	Sequence uint64 `json:"sequence"`
}

func respond(w http.ResponseWriter, a answer, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}

// publish is (b).
func (b *baseline) publish(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, err := read(r)
	a := answer{ID: id}
	if err == nil {
		a.Sequence, err = b.publisher.publish(r.Context(), id, body)
	}
	respond(w, a, err)
}

// insert is (c). A single statement is a transaction.
func (b *baseline) insert(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, err := read(r)
	if err == nil {
		_, err = b.pool.Exec(r.Context(), insertEvent, id, 1, r.PathValue("command"), body)
	}
	respond(w, answer{ID: id, Sequence: 1}, err)
}

// fold is (c′).
func (b *baseline) fold(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, err := read(r)
	a := answer{ID: id}
	if err == nil {
		err = pgx.BeginFunc(r.Context(), b.pool, func(tx pgx.Tx) error {
			tally, err := foldRows(r.Context(), tx, id)
			if err != nil {
				return err
			}
			a.Sequence = uint64(tally.Times) + 1
			_, err = tx.Exec(r.Context(), insertEvent, id, a.Sequence, r.PathValue("command"), body)
			return err
		})
	}
	respond(w, a, err)
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// foldRows is an indexed read of the rows of a stream.
func foldRows(ctx context.Context, q querier, id string) (Tally, error) {
	rows, err := q.Query(ctx, selectEvents, id)
	if err != nil {
		return Tally{}, err
	}
	defer rows.Close()
	var tally Tally
	for rows.Next() {
		var event Counted
		if err := json.Unmarshal(rows.RawValues()[0], &event); err != nil {
			return Tally{}, err
		}
		tally = tally.counted(event)
	}
	return tally, rows.Err()
}

// view is (d).
func (b *baseline) view(w http.ResponseWriter, r *http.Request) {
	var data []byte
	err := b.pool.QueryRow(r.Context(), selectView, r.PathValue("key")).Scan(&data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}
