package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cluster is a private Postgres: its directory, and the settings of its programs.
type cluster struct {
	dir      string // absolute
	port     int    // wanted; 0 for any
	fast     bool
	log      *slog.Logger
	lock     *DirLock
	account  *account // nil: the user of this process
	bin      string   // where initdb and postgres are
	password string
}

// openCluster prepares the directory and takes its lock.
func openCluster(o PostgresOptions) (*cluster, error) {
	if o.Dir == "" {
		return nil, errors.New("PostgresOptions.Dir is empty: name a directory for its data, or set DatabaseURL")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, port: o.Port, fast: o.Fast, log: orDiscard(o.Logger)}
	if c.account, err = accountFor(c.dataPath()); err != nil {
		return nil, err
	}
	if err := makeReachable(dir, c.account); err != nil {
		return nil, err
	}
	if c.lock, err = lockFile(c.path("postgres.lock")); err != nil {
		return nil, err
	}
	return c, nil
}

// init creates the cluster unless it exists. It creates it in another directory and renames that, so that an interrupted
// initdb leaves no partial cluster.
func (c *cluster) init(ctx context.Context) error {
	major, err := clusterMajor(c.dataPath())
	if err != nil {
		return err
	}
	if major != 0 {
		return c.readPassword()
	}
	if err := c.newPassword(); err != nil {
		return err
	}
	building := c.path("pgdata.new")
	if err := os.RemoveAll(building); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	args := []string{"-D", building, "--username=" + databaseName, "--pwfile=" + c.passwordPath(),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"}
	if c.fast {
		args = append(args, "--no-sync")
	}
	var output bytes.Buffer
	cmd := c.command("initdb", args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := runProcess(ctx, cmd); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(output.Bytes()))
	}
	if err := os.Rename(building, c.dataPath()); err != nil {
		return fmt.Errorf("rename the new cluster: %w", err)
	}
	c.log.Info("created a Postgres cluster", "dir", c.dir)
	return nil
}

// newPassword writes a new password to a file that initdb can read.
func (c *cluster) newPassword() error {
	c.password = rand.Text()
	if err := os.Remove(c.passwordPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace the password file: %w", err)
	}
	if err := os.WriteFile(c.passwordPath(), []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password file: %w", err)
	}
	return c.account.own(c.passwordPath())
}

func (c *cluster) readPassword() error {
	text, err := os.ReadFile(c.passwordPath())
	if err != nil {
		return fmt.Errorf("read the password file of the cluster (restore it, or move %s away to create a new cluster): %w",
			c.dir, err)
	}
	c.password = strings.TrimSpace(string(text))
	return nil
}

func (c *cluster) url(port int, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(databaseName, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// clusterMajor returns the major version of Postgres that created the cluster in dir, 0 if there is no cluster.
func clusterMajor(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(dir); err == nil {
			return 0, fmt.Errorf("%s exists but holds no Postgres cluster (no PG_VERSION): move it away", dir)
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION says %q, which is not a version of Postgres", dir, text)
	}
	return major, nil
}
