package e2e

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// smallDisk is a small file system in memory, which a file of ballast can fill.
type smallDisk struct {
	t   testing.TB
	dir string
}

func newSmallDisk(t testing.TB, dir string, megabytes int) *smallDisk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=0711", megabytes), "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return &smallDisk{t: t, dir: dir}
}

func (d *smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill writes ballast until the given number of KiB is free.
func (d *smallDisk) fill(leave int) {
	d.t.Helper()
	var stat unix.Statfs_t
	if err := unix.Statfs(d.dir, &stat); err != nil {
		d.t.Fatal(err)
	}
	free := int64(stat.Bavail) * stat.Bsize
	err := os.WriteFile(d.ballast(), make([]byte, max(0, free-int64(leave)<<10)), 0o600)
	if err != nil && !errors.Is(err, unix.ENOSPC) { // others write too
		d.t.Fatal(err)
	}
}

func (d *smallDisk) makeRoom() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

// While the disk of NATS is full, only stored commits are acknowledged and the services are not ready. With free space and a
// restart of NATS, everything works again.
func TestNATSDiskFull(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("the log is in Postgres")
	}
	p := newPlatform(t, localtest.Postgres(t))
	disk := newSmallDisk(t, t.TempDir(), 160)
	p.nats = startNATSOn(t, p.natsURL[len("nats://"):], disk.dir, "always")
	p.startServices()
	p.awaitReady()
	l := startLoad(t, []string{p.commandURL}, seedOf(t))
	eventually(t, "commands are acknowledged", func() error {
		if l.acknowledged() < 100 {
			return errors.New("too few")
		}
		return nil
	})
	disk.fill(256)
	awaitStatus(t, p.commandHealth+"/readyz", http.StatusServiceUnavailable)
	place := func(id string) answer {
		got, err := request(t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/"+id+"/place", smallOrder, "Idempotency-Key", id)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var taken []string // the last block of one partition may still have room where that of another has none
	eventually(t, "a command is refused", func() error {
		id := fmt.Sprint("full-", len(taken))
		got := place(id)
		if got.Status == http.StatusOK {
			taken = append(taken, id)
			return errors.New("it was taken")
		}
		if got.Status != http.StatusServiceUnavailable || got.field("code") == nil {
			t.Errorf("a command to a full disk got %v", got)
		}
		return nil
	})
	disk.makeRoom()
	p.nats.kill()
	p.nats.start()
	p.awaitReady()
	p.awaitWorks("room")
	for _, id := range taken {
		if again := place(id); again.Status != http.StatusOK || again.Header.Get("Orchestrix-Repeated") != "true" {
			t.Errorf("%s was acknowledged, and repeated it gets %v", id, again)
		}
	}
	l.end()
	checkJournal(t, p, l)
	t.Log(l.report("the disk of NATS was full"))
}

// acknowledged is the number of commands with a success response.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.journal)
}

// While the disk of Postgres is full, commands succeed and the views wait. With free space they catch up exactly.
func TestPostgresDiskFull(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("the log is in Postgres")
	}
	dir := localtest.Dir(t)
	disk := newSmallDisk(t, dir, 400)
	postgres := &ownPostgres{t: t, options: local.PostgresOptions{
		Dir: filepath.Join(dir, "postgres"), Logger: slog.New(slog.DiscardHandler),
	}}
	postgres.start()
	t.Cleanup(postgres.stop)
	p := newPlatform(t, postgres.url())
	p.startNATS()
	p.startServices()
	p.awaitReady()
	p.awaitWorks("before")
	l := startLoad(t, []string{p.commandURL}, seedOf(t))
	disk.fill(0)
	n := l.acknowledged()
	eventually(t, "commands succeed, and the views do not advance", func() error {
		if l.acknowledged() < n+300 {
			return errors.New("too few commands")
		}
		return p.wantBehind()
	})
	disk.makeRoom()
	if len(postgres.pidFiles()) > 0 { // without room for its log, Postgres ends
		postgres.crash()
	}
	postgres.start()
	p.awaitReady()
	p.awaitWorks("room")
	l.end()
	checkJournal(t, p, l)
	t.Log(l.report("the disk of Postgres was full"))
}

// wantBehind expects that a projection reports a failure, or that the database is not ready.
func (p *platform) wantBehind() error {
	ready, err := request(p.t.Context(), http.MethodGet, p.projectionHealth+"/readyz", "")
	if err != nil || ready.Status == http.StatusServiceUnavailable {
		return err
	}
	list, err := p.inspect(p.projectionHealth, "/projections")
	if err != nil {
		return err
	}
	items, _ := list.field("items").([]any)
	for _, item := range items {
		if view, ok := item.(map[string]any); ok && view["work"] == "retrying" {
			return nil
		}
	}
	return fmt.Errorf("no projection reports a failure: %v", list)
}
