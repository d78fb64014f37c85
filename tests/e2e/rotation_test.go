package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
)

// The keys of two services are rotated while commands, reads of views and reads of the log run: no request is refused, no
// service is started again, and the old keys are worth nothing afterwards.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	if logInPostgres() {
		t.Skip("the NKeys are of NATS")
	}
	t.Parallel()
	p := newLockedPlatform(t)
	p.startServices()
	p.as("migrate", "migrate", "--roles", filepath.Join(p.keys, "migrate", "roles"))
	p.awaitReady()
	stolen := filepath.Join(t.TempDir(), "nats.nk")
	seed, err := os.ReadFile(filepath.Join(p.keys, "command", "nats.nk"))
	if err == nil {
		err = os.WriteFile(stolen, seed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	old, err := nats.NkeyOptionFromSeed(stolen)
	if err != nil {
		t.Fatal(err)
	}
	access := func() error {
		conn, err := nats.Connect(p.natsURL, old, nats.RootCAs(filepath.Join(p.keys, "ca.crt")))
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := access(); err != nil {
		t.Errorf("before the rotation: %v", err)
	}
	load := p.startLoad()
	rotated := map[string]*program{"command": p.command, "query": p.query}
	for user := range rotated {
		tool(t, "keys", "rotate", user, p.keys)
	}
	p.renameRoles()
	p.reloadNATS()
	for user, service := range rotated {
		eventually(t, user+" moves to its new key", func() error {
			if !strings.Contains(service.log.String(), "the connection is replaced") {
				return fmt.Errorf("the log of %s does not say so", user)
			}
			return nil
		})
	}
	p.as("migrate", "migrate", "--roles", filepath.Join(p.keys, "migrate", "roles"))
	load.await(t, 20)
	for user := range rotated {
		tool(t, "keys", "rotate", "--finish", user, p.keys)
	}
	p.renameRoles()
	p.reloadNATS()
	load.await(t, 20)
	load.stop()
	for user, service := range rotated {
		if strings.Count(service.log.String(), `"started"`) != 1 {
			t.Errorf("%s was started again", user)
		}
	}
	if access() == nil {
		t.Error("NATS accepts the old key")
	}
}

// reloadNATS makes NATS load its list of users.
func (p *lockedPlatform) reloadNATS() {
	p.t.Helper()
	before := strings.Count(p.nats.log.String(), reloaded)
	if err := p.nats.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "NATS loads its users", func() error {
		if strings.Count(p.nats.log.String(), reloaded) == before {
			return errors.New("its log does not say so")
		}
		return nil
	})
}

const reloaded = "Reloaded server configuration"

// requestLoad places orders and reads them.
type requestLoad struct {
	done atomic.Int64
	stop func()
}

func (p *lockedPlatform) startLoad() *requestLoad {
	l := &requestLoad{}
	ended := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 3 {
		workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				id := fmt.Sprintf("r%d-%d", w, n)
				if err := p.placeAndRead(p.t, id); err != nil {
					p.t.Errorf("during the rotation: %v", err)
					return
				}
				state, err := request(p.t.Context(), http.MethodGet, p.queryURL+"/v1/streams/order/"+id, "")
				if err != nil || state.Status != http.StatusOK {
					p.t.Errorf("during the rotation: read %s from the log: %v, %v", id, state, err)
					return
				}
				l.done.Add(1)
			}
		})
	}
	l.stop = sync.OnceFunc(func() { close(ended); workers.Wait() })
	p.t.Cleanup(l.stop)
	return l
}

// await waits for further requests.
func (l *requestLoad) await(t *testing.T, more int64) {
	t.Helper()
	until := l.done.Load() + more
	eventually(t, "the load continues", func() error {
		if done := l.done.Load(); done < until {
			return fmt.Errorf("%d of %d rounds", done, until)
		}
		return nil
	})
}
