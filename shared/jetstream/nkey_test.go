package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// keyServer is a NATS server that knows the users of certain NKeys.
type keyServer struct {
	*server.Server
	t      testing.TB
	config string // its file
	addr   string
	store  string
}

func newKeyServer(t testing.TB, public ...string) *keyServer {
	t.Helper()
	s := &keyServer{t: t, config: filepath.Join(t.TempDir(), "nats.conf"), addr: localtest.FreeAddr(t), store: t.TempDir()}
	s.write(public)
	options, err := server.ProcessConfigFile(s.config)
	if err == nil {
		options.NoSigs, options.NoLog = true, true
		s.Server, err = server.NewServer(options)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server is not ready")
	}
	return s
}

func (s *keyServer) write(public []string) {
	s.t.Helper()
	var users strings.Builder
	for _, key := range public {
		fmt.Fprintf(&users, "{nkey: %s}\n", key)
	}
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\nauthorization { users: [\n%s] }\n", s.addr, s.store, users.String())
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// allow makes the server know these users alone; it disconnects the others.
func (s *keyServer) allow(public ...string) {
	s.t.Helper()
	s.write(public)
	if err := s.Reload(); err != nil {
		s.t.Fatal(err)
	}
}

// users are the NKeys of the connections.
func (s *keyServer) users() (users []string) {
	s.t.Helper()
	connections, err := s.Connz(&server.ConnzOptions{Username: true})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range connections.Conns {
		users = append(users, c.AuthorizedUser)
	}
	return users
}

// newSeed writes a new seed into a file, and returns its public key.
func newSeed(t testing.TB, file string) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err == nil {
		err = os.WriteFile(file, seed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func (s *keyServer) connect(login jetstream.Login) *nats.Conn {
	s.t.Helper()
	options, err := login.Options()
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := jetstream.Connect(s.t.Context(), s.ClientURL(), "test", slog.New(slog.DiscardHandler), options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

func (s *keyServer) awaitUser(public string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		users := s.users()
		if len(users) == 1 && users[0] == public {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the users are %v, not %s", users, public)
		}
	}
}

// The NKey of a connection is replaced while appends and reads run: none fails, whenever NATS gets to know the new key.
func TestAnNKeyIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	login := jetstream.Login{NKeyFile: filepath.Join(t.TempDir(), "nats.nk")}
	old := newSeed(t, login.NKeyFile)
	s := newKeyServer(t, old)
	conn := s.connect(login)
	log, err := jetstream.Open(t.Context(), conn, jetstream.Config{Partitions: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	stop := load(t, log)

	fresh := newSeed(t, login.NKeyFile)
	if err := login.Replace(t.Context(), conn); err == nil {
		t.Error("NATS accepts a key that it does not know")
	}
	if err := conn.ForceReconnect(); err != nil { // the connection is lost meanwhile
		t.Fatal(err)
	}
	s.awaitUser(old)
	s.allow(old, fresh)
	for {
		err := login.Replace(t.Context(), conn)
		if err == nil {
			break
		}
		if !errors.Is(err, nats.ErrDisconnected) { // the client may get to know later than the server that it is connected
			t.Fatal(err)
		}
	}
	s.awaitUser(fresh)
	s.allow(fresh)
	stop()
	s.awaitUser(fresh)
	if conn.IsClosed() {
		t.Error("the connection is closed")
	}
}

// load appends and reads until stop is called, which fails the test if one of them failed.
func load(t *testing.T, log *jetstream.Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	const streams = 4
	for n := range streams {
		stream := core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: fmt.Sprint("s", n)}
		appended := make(chan struct{})
		first := sync.OnceFunc(func() { close(appended) })
		workers.Go(func() {
			var revision core.Revision
			for i := 0; ctx.Err() == nil; i++ {
				var err error
				revision, err = log.Append(t.Context(), revision, core.Commit{
					Stream: stream, Time: time.Now().UTC(), Command: core.CommandRef{ID: fmt.Sprint("c", i), Hash: "h"},
					Events: []core.Recorded{{Type: "things.Happened", Schema: 1, Data: []byte(`{}`)}},
				})
				if err != nil {
					t.Errorf("append %d to %s: %v", i, stream, err)
					first()
					return
				}
				first()
			}
		})
		<-appended
		workers.Go(func() {
			for ctx.Err() == nil {
				if _, err := log.Last(t.Context(), stream); err != nil {
					t.Errorf("read %s: %v", stream, err)
					return
				}
				if _, err := log.LastConfirmed(t.Context(), stream); err != nil {
					t.Errorf("read %s from the leader: %v", stream, err)
					return
				}
			}
		})
	}
	return func() { cancel(); workers.Wait() }
}

func TestAFileWithoutAnNKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nats.nk")
	if _, err := (jetstream.Login{NKeyFile: file}).Options(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(file, []byte("my secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (jetstream.Login{NKeyFile: file}).Options(); err == nil || strings.Contains(err.Error(), "my secret") {
		t.Errorf("a file without a seed: %v", err)
	}
}
