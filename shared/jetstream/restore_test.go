package jetstream_test

import (
	"errors"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/port/porttest"
)

func TestLogIsRestorable(t *testing.T) {
	t.Parallel()
	porttest.Restore(t, func(t testing.TB) (log, other port.Restorable) {
		url := localtest.NATS(t).URL()
		return openOn(t, connect(t, url), jetstream.Config{}), openOn(t, connect(t, url), jetstream.Config{})
	})
}

// A log whose restore has not ended is opened by a restore only.
func TestALogThatIsRestoredIsNotOpened(t *testing.T) {
	t.Parallel()
	log, conn := openLog(t, jetstream.Config{})
	if _, err := log.BeginRestore(t.Context(), "a", false); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Config{Logger: quiet}); !errors.Is(err, port.ErrRestoring) {
		t.Errorf("opened with %v, want %v", err, port.ErrRestoring)
	}
	openOn(t, conn, jetstream.Config{Restore: true})
	if err := log.EndRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	openOn(t, conn, jetstream.Config{})
}
