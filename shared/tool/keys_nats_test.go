package tool

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startNATS starts a server with the list of rights of a directory of keys.
func startNATS(t testing.TB, dir string) *server.Server {
	t.Helper()
	options, err := server.ProcessConfigFile(filepath.Join(dir, "nats", "auth.conf"))
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	options.JetStream, options.StoreDir = true, t.TempDir()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

func TestX(t *testing.T) {
	for _, flag := range []string{"--partitions=2", "--credentials"} {
		dir := filepath.Join(t.TempDir(), "keys")
		keys(t, "init", dir, flag, "--sender", "crm")
		startNATS(t, dir)
	}
}
