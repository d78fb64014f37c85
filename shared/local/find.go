package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// finder is the search path for the programs of Postgres.
type finder struct {
	path  string   // a list like PATH: the first match is used
	globs []string // searched after path: the newest version is used
	// fetch installs the programs of a major version in dir and returns their directory; 0 is any version.
	fetch func(ctx context.Context, dir string, major int) (bin string, err error)
}

func systemFinder() finder {
	return finder{
		path: os.Getenv("PATH"),
		globs: []string{
			"/usr/lib/postgresql/*/bin",
			"/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin",
		},
		fetch: download,
	}
}

// programs is a directory with initdb and postgres of one version.
type programs struct {
	bin   string
	major int
}

// findPrograms selects the programs for the cluster: those of the version that created it, or the first ones for a new
// cluster. It downloads them where none are installed.
func (c *cluster) findPrograms(ctx context.Context, f finder) error {
	wanted, err := clusterMajor(c.dataPath())
	if err != nil {
		return err
	}
	found := c.installed(ctx, f)
	for _, p := range found {
		if wanted == 0 || p.major == wanted {
			c.bin = p.bin
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err() // the search was cut short
	}
	bin, err := c.downloaded(ctx, f, wanted)
	if err == nil {
		c.bin = bin
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: the cluster was created by Postgres %d, the first installed version is %d (in %s), and the download failed (%w); "+
			"install Postgres %d, or move %s away to create a new cluster", ErrPostgresVersion, wanted, found[0].major, found[0].bin, err, wanted, c.dir)
	}
	return fmt.Errorf("%w: initdb and postgres are neither on PATH nor in %s, and the download failed (%w); "+
		"install postgresql, or set %s to a running server", ErrNoPostgres, strings.Join(f.globs, ", "), err, DatabaseURLVariable)
}

// installed lists the usable programs, best first.
func (c *cluster) installed(ctx context.Context, f finder) []programs {
	var found []programs
	for _, dir := range filepath.SplitList(f.path) {
		if p, ok := c.inspect(ctx, dir); ok {
			found = append(found, p)
		}
	}
	var packaged []programs
	for _, glob := range f.globs {
		dirs, _ := filepath.Glob(glob) // fails only on a malformed pattern
		for _, dir := range dirs {
			if p, ok := c.inspect(ctx, dir); ok {
				packaged = append(packaged, p)
			}
		}
	}
	slices.SortStableFunc(packaged, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	return append(found, packaged...)
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect reports whether dir holds both programs and the account can run them. It runs "postgres --version" as the account,
// since some wrappers work only for their owner.
func (c *cluster) inspect(ctx context.Context, dir string) (programs, bool) {
	if !filepath.IsAbs(dir) {
		return programs{}, false
	}
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(programPath(dir, name)); err != nil {
			return programs{}, false
		}
	}
	probe := cluster{dir: c.dir, account: c.account, bin: dir}
	var output bytes.Buffer
	cmd := probe.command("postgres", "--version")
	cmd.Stdout = &output
	if err := runProcess(ctx, cmd); err != nil {
		c.log.Debug("skipped a Postgres that does not run", "dir", dir, "error", err)
		return programs{}, false
	}
	m := versionPattern.FindSubmatch(output.Bytes())
	if m == nil {
		return programs{}, false
	}
	major, err := strconv.Atoi(string(m[1]))
	return programs{bin: dir, major: major}, err == nil
}

// downloaded returns the programs that were downloaded for this cluster, now or earlier.
func (c *cluster) downloaded(ctx context.Context, f finder, major int) (string, error) {
	if f.fetch == nil {
		return "", errors.New("downloads are disabled")
	}
	dir := c.path("binaries")
	if p, ok := c.inspect(ctx, filepath.Join(dir, "bin")); ok && (major == 0 || major == p.major) {
		return p.bin, nil
	}
	c.log.Info("no usable Postgres is installed: downloading one", "to", dir)
	bin, err := f.fetch(ctx, dir, major)
	if err != nil {
		return "", err
	}
	if err := c.account.ownTree(dir); err != nil {
		return "", fmt.Errorf("change the owner of the download to %s: %w", c.account.name, err)
	}
	if _, ok := c.inspect(ctx, bin); !ok {
		return "", fmt.Errorf("the Postgres downloaded to %s does not run%s", dir, c.account.suffix())
	}
	return bin, nil
}
