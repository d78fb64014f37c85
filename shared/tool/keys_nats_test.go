package tool

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// serve starts NATS with a list of rights, and returns its URL.
func serve(t *testing.T, rights string) string {
	t.Helper()
	options, err := server.ProcessConfigFile(rights)
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.NoSigs, options.NoLog, options.StoreDir = "127.0.0.1", server.RANDOM_PORT, true, true, t.TempDir()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return s.ClientURL()
}

// refusesAll checks that a login is valid, and that NATS refuses its messages.
func refusesAll(t *testing.T, url, user, file string) {
	t.Helper()
	login := nats.UserCredentials(file)
	if strings.HasSuffix(file, ".nk") {
		var err error
		if login, err = nats.NkeyOptionFromSeed(file); err != nil {
			t.Error(err)
			return
		}
	}
	refused := make(chan error, 10)
	conn, err := nats.Connect(url, login, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	defer conn.Close()
	for _, subject := range []string{"orx.evt.0.default.process-x.1", "orx.evt.0.default.order.1", "$JS.API.INFO", "x"} {
		if err := errors.Join(conn.Publish(subject, nil), conn.Flush()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", user, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("the writer of %s may publish %s", user, subject)
		}
	}
}
