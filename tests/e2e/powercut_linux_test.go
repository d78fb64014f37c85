package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// disk is a file system of a test's own, whose power can be cut.
type disk struct {
	t      testing.TB
	device string
	dir    string
}

func newDisk(t testing.TB) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a file system whose power can be cut")
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 128<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 can be made here: %v: %s", err, out)
	}
	out, err := exec.Command("losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("there are no loop devices here: %v: %s", err, out)
	}
	d := &disk{t: t, device: strings.TrimSpace(string(out)), dir: t.TempDir()}
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", d.device).Run() })
	if out, err := exec.Command("mount", d.device, d.dir).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", d.dir).Run() })
	return d
}

// cutPower stops all writes to the disk. Data that was not synced is lost.
func (d *disk) cutPower() {
	d.t.Helper()
	const (
		shutdown    = 0x8004587d // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
		withoutLog  = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH: the journal is not flushed first
		description = "cut the power"
	)
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(withoutLog)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		d.t.Skipf("%s: this kernel can't: %v", description, errno)
	}
}

// again mounts the file system as a restart of the machine does.
func (d *disk) again() {
	d.t.Helper()
	if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("umount: %v: %s", err, out)
	}
	if out, err := exec.Command("mount", d.device, d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("mount: %v: %s", err, out)
	}
}

func startNATSOn(t testing.TB, addr, dir, syncInterval string) *program {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	config := fmt.Sprintf("host: %s\nport: %s\njetstream { store_dir: %q, sync_interval: %s }\n", host, port, dir, syncInterval)
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "nats-server", nil, "-c", file)
}

func openLogAt(t testing.TB, addr string) *jetstream.Log {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	connection, err := jetstream.Connect(t.Context(), "nats://"+addr, "test", quiet)
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		connection, err = jetstream.Connect(t.Context(), "nats://"+addr, "test", quiet)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	config := jetstream.Config{Partitions: 2, AppendBudget: patience, AckTimeout: time.Second, Logger: quiet}
	log, err := jetstream.Open(t.Context(), connection, config)
	for deadline := time.Now().Add(patience); errors.Is(err, port.ErrUnavailable) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		log, err = jetstream.Open(t.Context(), connection, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// cutWhileWriting appends until the power is cut, and returns how many commits were acknowledged, and how many of them
// are missing after the restart.
func cutWhileWriting(t *testing.T, syncInterval string) (acknowledged, lost int) {
	t.Helper()
	const writers, enough = 8, 600
	d := newDisk(t)
	addr := localtest.FreeAddr(t)
	server := startNATSOn(t, addr, d.dir, syncInterval)
	log := openLogAt(t, addr)
	var versions [writers]core.Version
	var total atomic.Int64
	var cut atomic.Bool
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			var revision core.Revision
			for n := 0; ; n++ {
				next, err := log.Append(ctx, revision, thing(w, n))
				if err != nil || cut.Load() {
					// The power is cut. A machine without power does not answer; one that only lost its file system does, and
					// an fsync that was in progress may have reported success.
					return
				}
				revision = next
				versions[w] = revision.Version
				total.Add(1)
			}
		})
	}
	eventually(t, "commits are acknowledged", func() error {
		if n := total.Load(); n < enough {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	cut.Store(true)
	d.cutPower()
	stop()
	writing.Wait()
	server.kill()
	d.again()
	startNATSOn(t, addr, d.dir, "always")
	log = openLogAt(t, addr)
	for w, version := range versions {
		acknowledged += int(version)
		last, err := log.LastConfirmed(t.Context(), thing(w, 0).Stream)
		if err != nil && !errors.Is(err, port.ErrNoStream) {
			t.Fatal(err)
		}
		lost += int(version) - int(min(version, last.Version))
	}
	return acknowledged, lost
}

func thing(writer, n int) core.Commit {
	id := fmt.Sprint(writer, "-", n)
	return core.Commit{
		Stream: core.Stream{Tenant: core.DefaultTenant, Category: "thing", ID: fmt.Sprint("w", writer)}, Time: time.Now().UTC().Truncate(time.Microsecond),
		Command: core.CommandRef{ID: id, Hash: "h"}, CorrelationID: id, CausationID: id,
		Events: []core.Recorded{{Type: "things.Happened", Schema: 1, Data: []byte(`{}`)}},
	}
}

// With sync always, a power cut loses nothing that was acknowledged.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	acknowledged, lost := cutWhileWriting(t, "always")
	if lost > 0 {
		t.Errorf("of %d acknowledged commits, %d are lost", acknowledged, lost)
	}
	t.Logf("%d commits were acknowledged before the power was cut, %d are lost", acknowledged, lost)
}

// With relaxed sync, a power cut loses acknowledged commits, which shows that the test can fail.
func TestPowerCutWithRelaxedSync(t *testing.T) {
	t.Parallel()
	acknowledged, lost := cutWhileWriting(t, "2m")
	if lost == 0 {
		t.Errorf("of %d acknowledged commits none is lost: the power cut cuts nothing", acknowledged)
	}
	t.Logf("%d commits were acknowledged before the power was cut, %d are lost", acknowledged, lost)
}
