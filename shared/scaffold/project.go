package scaffold

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Project describes a new project.
type Project struct {
	Dir     string // does not exist, or is empty except for .git
	Module  string // Go module path; empty: the last element of Dir
	Context string // the bounded context that it begins with; empty: reservations
	// Orchestrix is the version of Orchestrix, or the directory of its source; empty: what this program was built from.
	Orchestrix string
}

// project is what the templates of a project use.
type project struct {
	Name       string // of the program: "shop"
	Module     string // "example.com/team/shop"
	Context    string // "reservations"
	Orchestrix string // module path of Orchestrix
	Version    string // of Orchestrix, where Checkout is empty
	Checkout   string // directory of the source of Orchestrix, or empty
	Go         string // version of Go: "1.26.0"
	GoMinor    string // "1.26"
}

// WriteProject writes a project that builds, with tests that pass, and returns its directory as an absolute path. Nothing is
// written where it fails. It needs the go command, and a network only for modules that are not in the cache of modules.
func WriteProject(ctx context.Context, p Project) (dir string, err error) {
	if dir, err = filepath.Abs(p.Dir); err != nil {
		return "", err
	}
	p.Module = cmp.Or(p.Module, filepath.Base(dir))
	p.Context = cmp.Or(p.Context, "reservations")
	if err := p.check(); err != nil {
		return "", err
	}
	if err := checkEmpty(dir); err != nil {
		return "", err
	}
	g, err := findGo()
	if err != nil {
		return "", err
	}
	if err := g.checkPath(ctx, p.Module); err != nil {
		return "", err
	}
	source, err := findSource(ctx, g, p.Orchestrix)
	if err != nil {
		return "", err
	}
	files, err := renderProject(p, source)
	if err != nil {
		return "", err
	}
	return dir, stage(dir, func(staged string) error {
		if err := writeFiles(staged, files); err != nil {
			return err
		}
		return g.writeModule(ctx, staged, p.Module, source)
	})
}

// programName is the last element of a module path that is no major version: "shop" of "example.com/shop/v2".
func programName(module string) string {
	name := path.Base(module)
	if majorVersion.MatchString(name) && path.Dir(module) != "." {
		return path.Base(path.Dir(module))
	}
	return name
}

// checkEmpty returns an error unless dir can be made, or is a directory that is empty except for .git.
func checkEmpty(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(dir)
		if info, err := os.Stat(parent); err != nil || !info.IsDir() {
			return fmt.Errorf("the directory %s does not exist: make it first, or name another place", parent)
		}
		return nil
	case err != nil:
		return fmt.Errorf("the directory of the project: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is a file: name a directory that does not exist, or is empty", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("the directory of the project: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() != ".git" {
			return fmt.Errorf("the directory %s is not empty, it has %s: name a directory that does not exist, or is empty", dir, entry.Name())
		}
	}
	return nil
}

// stage makes dir of what fill writes into a temporary directory on the same disk. Where it fails, nothing of it is left.
func stage(dir string, fill func(staged string) error) (err error) {
	_, missing := os.Stat(dir)
	place := dir
	if missing != nil {
		place = filepath.Dir(dir)
	}
	staged, err := os.MkdirTemp(place, ".orchestrix-new-")
	if err != nil {
		return fmt.Errorf("can't write into %s: %w", place, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staged)) }()
	if err := fill(staged); err != nil {
		return err
	}
	if missing == nil {
		return moveEntries(staged, dir)
	}
	if err := os.Chmod(staged, 0o755); err != nil { //nolint:gosec // as mkdir makes it
		return err
	}
	return os.Rename(staged, dir)
}

// moveEntries moves all entries of a directory, or none.
func moveEntries(from, to string) (err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var moved []string
	for _, entry := range entries {
		target := filepath.Join(to, entry.Name())
		if _, err = os.Lstat(target); err == nil {
			err = fmt.Errorf("%s was written by another program", target)
		} else {
			err = os.Rename(filepath.Join(from, entry.Name()), target)
		}
		if err != nil {
			for _, target := range slices.Backward(moved) {
				err = errors.Join(err, os.RemoveAll(target))
			}
			return err
		}
		moved = append(moved, target)
	}
	return nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, body := range files {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // as the go command makes it
			return err
		}
		if err := os.WriteFile(target, body, modeOf(body)); err != nil {
			return err
		}
	}
	return nil
}
