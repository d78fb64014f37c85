//go:build unix

package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPostgresIsElsewhereWhereItsUserCanNotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs Postgres as another user")
	}
	base, closed := tempDir(t), filepath.Join(tempDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(closed, "data")
	dir, err := postgresDir(data, base)
	if err != nil || filepath.Dir(dir) != base {
		t.Fatalf("%q, %v; want a directory in %s", dir, err, base)
	}
	startPG(t, PostgresOptions{Dir: dir, Fast: true})
	if again, err := postgresDir(data, base); err != nil || again != dir {
		t.Errorf("the next start: %q, %v; want %s", again, err, dir)
	}
	open := filepath.Join(tempDir(t), "data")
	if dir, err := postgresDir(open, base); err != nil || dir != filepath.Join(open, "postgres") {
		t.Errorf("where it can enter: %q, %v", dir, err)
	}
}

func TestPostgresElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs Postgres as another user")
	}
	closed := filepath.Join(tempDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	base := tempDir(t)
	pointingTo := func(dir string) string {
		data, err := os.MkdirTemp(closed, "")
		if err == nil {
			err = os.WriteFile(filepath.Join(data, pointerName), []byte(dir+"\n"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	old, err := os.MkdirTemp(closed, "")
	if err == nil {
		err = os.MkdirAll(filepath.Join(old, "postgres", dataName), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ data, base, says string }{
		"the directory has data already": {old, base, "--" + FlagDataDir},
		"there is no other place":        {filepath.Join(closed, "new"), closed, "--" + FlagDataDir},
		"the data is gone":               {pointingTo(filepath.Join(base, elsewherePrefix+"1")), base, "no longer is"},
		"another directory of root":      {pointingTo("/etc"), base, "not the name of a directory that dev makes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := postgresDir(test.data, test.base)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, %v; want one line with %q", dir, err, test.says)
			}
			if test.says == "--"+FlagDataDir && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%v; want ErrUnreachable", err)
			}
		})
	}
}
