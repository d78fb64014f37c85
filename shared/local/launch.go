package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	readinessPoll = 20 * time.Millisecond
	stopTimeout   = 30 * time.Second
	maxLogSize    = 10 << 20
	shownLines    = 15
)

// command prepares one of the programs, to run as the account in a directory that it can enter. It drops the PG variables of
// the environment, which configure clients of another server.
func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(programPath(c.bin, program), args...)
	cmd.Dir = c.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	setProcess(cmd, c.account, c.fast)
	return cmd
}

// launch starts the server and waits until it is ready. Another program may take a free port before Postgres does; then
// launch tries another one.
func (c *cluster) launch(ctx context.Context) (*process, int, error) {
	if c.port != 0 {
		if err := portFree(loopback(c.port)); err != nil {
			return nil, 0, fmt.Errorf("%w: can't listen on %s; stop the program that listens there, or choose another port with --%s: %w",
				ErrPortInUse, loopback(c.port), FlagPostgresPort, err)
		}
		proc, err := c.launchOn(ctx, c.port)
		return proc, c.port, err
	}
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return nil, 0, err
		}
		proc, err := c.launchOn(ctx, port)
		if err == nil || ctx.Err() != nil || attempt == portAttempts || portFree(loopback(port)) == nil {
			return proc, port, err
		}
	}
}

func (c *cluster) launchOn(ctx context.Context, port int) (*process, error) {
	logFile, err := c.openLog()
	if err != nil {
		return nil, err
	}
	defer logFile.Close() // the child has its own handle
	before, err := logFile.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	cmd := c.command("postgres", c.serverArgs(port)...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	proc, err := startProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("run %s%s: %w", cmd.Path, c.account.suffix(), err)
	}
	if err := c.awaitReady(ctx, proc); err != nil {
		err = errors.Join(err, c.stop(proc))
		return nil, fmt.Errorf("%w; the last lines of %s:\n%s", err, c.logPath(), c.logSince(before))
	}
	return proc, nil
}

func (c *cluster) serverArgs(port int) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=300",
		"logging_collector=off", // some packages turn it on, which would write the log to another file
		"log_destination=stderr",
		"log_checkpoints=off", // they would fill the log of an idle server
		// Statements and details hold data of users.
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
	}
	if c.fast {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"max_wal_size=4GB", "autovacuum_naptime=10min")
	}
	args := []string{"-D", c.dataPath(), "-p", strconv.Itoa(port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}

// awaitReady reads postmaster.pid, as pg_ctl does: a connection could reach another server on the same port.
func (c *cluster) awaitReady(ctx context.Context, proc *process) error {
	tick := time.NewTicker(readinessPoll)
	defer tick.Stop()
	for {
		select {
		case <-proc.done:
			return fmt.Errorf("the server ended before it was ready (%s)", proc.exitStatus())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready yet: %w", ctx.Err())
		case <-tick.C:
		}
		if pm := c.readPostmaster(); pm.pid == proc.pid() && pm.ready {
			return nil
		}
	}
}

// stop shuts the server down and waits until it has ended. With c.fast it skips the checkpoint.
func (c *cluster) stop(proc *process) error {
	select {
	case <-proc.done:
		return nil
	default:
	}
	steps := []func() error{func() error { return c.signalStop(proc.pid(), c.fast) }, proc.kill}
	for _, step := range steps {
		if err := step(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop Postgres (process %d): %w", proc.pid(), err)
		}
		select {
		case <-proc.done:
			return nil
		case <-time.After(stopTimeout):
			c.log.Warn("Postgres does not stop", "pid", proc.pid(), "waited", stopTimeout)
		}
	}
	return fmt.Errorf("stop Postgres: process %d does not end", proc.pid())
}

// openLog opens the server's log for appending. It renames a large log first.
func (c *cluster) openLog() (*os.File, error) {
	if info, err := os.Stat(c.logPath()); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(c.logPath(), c.logPath()+".1"); err != nil {
			return nil, fmt.Errorf("rename the large log: %w", err)
		}
	}
	f, err := os.OpenFile(c.logPath(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return f, nil
}

// logSince returns the last lines that the server has logged after an offset.
func (c *cluster) logSince(offset int64) string {
	text, err := os.ReadFile(c.logPath())
	if err != nil || int64(len(text)) < offset {
		return ""
	}
	return lastLines(text[offset:])
}

func lastLines(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-shownLines):], []byte("\n")))
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func freePort() (int, error) {
	l, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return 0, fmt.Errorf("pick a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
