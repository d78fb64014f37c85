package local

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func startNATS(t *testing.T, o NATSOptions) *NATS {
	t.Helper()
	n, err := StartNATS(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func connect(t *testing.T, n *NATS) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestNATSKeepsItsStreams(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nats")
	first := startNATS(t, NATSOptions{Dir: dir})
	if !first.server.JetStreamConfig().SyncAlways {
		t.Error("a zero SyncInterval does not sync always")
	}
	js := connect(t, first)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s.1", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}

	js = connect(t, startNATS(t, NATSOptions{Dir: dir}))
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatalf("stream after a restart: %v", err)
	}
	msg, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(msg.Data) != "kept" {
		t.Errorf("message after a restart: %v, %v", msg, err)
	}
}

func TestNATSHonoursMaxPayload(t *testing.T) {
	t.Parallel()
	n := startNATS(t, NATSOptions{Dir: t.TempDir(), MaxPayload: 1000})
	if got := connect(t, n).Conn().MaxPayload(); got != 1000 {
		t.Errorf("MaxPayload is %d, want 1000", got)
	}
}

func TestNATSRefusesToStart(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // after the parallel subtests
	busy := listener.Addr().String()
	used := t.TempDir()
	startNATS(t, NATSOptions{Dir: used})
	file := filepath.Join(t.TempDir(), "file")
	unusable := t.TempDir()
	for _, path := range []string{file, filepath.Join(unusable, "jetstream")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for name, c := range map[string]struct {
		o    NATSOptions
		is   error
		says []string
	}{
		"port in use":      {NATSOptions{Dir: t.TempDir(), Addr: busy}, ErrPortInUse, []string{busy, "--" + FlagNATSAddr}},
		"directory in use": {NATSOptions{Dir: used}, ErrLocked, []string{used}},
		"not an address":   {NATSOptions{Dir: t.TempDir(), Addr: "4222"}, nil, []string{"4222", "host:port"}},
		"not a port":       {NATSOptions{Dir: t.TempDir(), Addr: "127.0.0.1:nats"}, nil, []string{"nats", "65535"}},
		"no directory":     {NATSOptions{}, nil, []string{"NATSOptions.Dir"}},
		"file for a dir":   {NATSOptions{Dir: file}, nil, []string{file}},
		"unusable store":   {NATSOptions{Dir: unusable}, nil, []string{unusable, "JetStream"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := StartNATS(t.Context(), c.o)
			if err == nil {
				_ = n.Close()
				t.Fatal("it started")
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %q is not %q", err, c.is)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestStartNATSEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := StartNATS(ctx, NATSOptions{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("StartNATS: %v, want context.Canceled", err)
	}
	startNATS(t, NATSOptions{Dir: dir}) // the first one has released the directory
}
