package scaffold

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
	Overlay    string // overlay of Orchestrix for Kubernetes: an URL, or a path from the folder deploy
	Go         string // version of Go: "1.26.0"
	GoMinor    string // "1.26"
}

// WriteProject writes a project that builds, with tests that pass. Nothing is written where it fails. It needs the go command,
// and a network only for modules that are not in the cache of modules.
func WriteProject(ctx context.Context, p Project) (Report, error) {
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return Report{}, err
	}
	p.Module = cmp.Or(p.Module, filepath.Base(dir))
	p.Context = cmp.Or(p.Context, "reservations")
	if err := p.check(); err != nil {
		return Report{}, err
	}
	if err := checkEmpty(dir); err != nil {
		return Report{}, err
	}
	g, err := findGo()
	if err != nil {
		return Report{}, err
	}
	if err := g.checkPath(ctx, p.Module); err != nil {
		return Report{}, err
	}
	source, err := findSource(ctx, g, p.Orchestrix)
	if err != nil {
		return Report{}, err
	}
	if slices.ContainsFunc(source.requires, func(r require) bool { return r.Path == p.Module }) {
		return Report{}, fmt.Errorf("%s is a module that Orchestrix requires: name a path of your own with --module", p.Module)
	}
	files, err := renderProject(dir, p, source)
	if err != nil {
		return Report{}, err
	}
	if err := g.addModuleFiles(ctx, files, p.Module, source); err != nil {
		return Report{}, err
	}
	return writeProject(dir, files)
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
		if target, err := os.Readlink(dir); err == nil {
			return fmt.Errorf("%s is a link to %s, which does not exist: name a directory that does not exist, or is empty", dir, target)
		}
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is below a file: name a directory that does not exist, or is empty", dir)
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

// writeProject writes the files of a project, all or none. A directory that does not exist gets them by one step: it is written under
// another name beside its place. One that exists stays the same directory, which may be the working directory of a shell.
func writeProject(dir string, files map[string][]byte) (Report, error) {
	write := writeFiles
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		write = writeBeside
	} else if err := checkEmpty(dir); err != nil { // it was empty before the modules were tidied
		return Report{}, err
	}
	report, err := write(dir, files)
	if err != nil {
		if taken := checkEmpty(dir); taken != nil { // by another one in the meantime
			return Report{}, taken
		}
	}
	return report, err
}

// writeBeside writes files into a new directory, which gets its name when all are there.
func writeBeside(dir string, files map[string][]byte) (report Report, err error) {
	w := &writer{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the directory %s can't be written, and nothing is changed: %w", dir, err), w.undo())
		}
	}()
	if err := w.makeDir(filepath.Dir(dir)); err != nil {
		return Report{}, err
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(beside)) }()
	if report, err = writeFiles(beside, files); err != nil {
		return Report{}, err
	}
	if err := os.Chmod(beside, 0o755); err != nil { //nolint:gosec // source code, which others may read
		return Report{}, err
	}
	if err := os.Rename(beside, dir); err != nil {
		return Report{}, err
	}
	return report, nil
}

// Workspace returns the go.work file that covers a directory, or "": the go command does not build a project below it before "go work
// use".
func Workspace(dir string) string {
	if file := os.Getenv("GOWORK"); file != "" {
		return strings.TrimSuffix(file, "off")
	}
	dir, err := filepath.Abs(dir)
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		file := filepath.Join(dir, "go.work")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

// writeFiles writes files by path below dir, all or none. Scripts are executable.
func writeFiles(dir string, files map[string][]byte) (Report, error) {
	changes := NewChanges(dir, false)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write := changes.Write
		if bytes.HasPrefix(files[name], []byte("#!")) {
			write = changes.WriteExecutable
		}
		if err := write(name, files[name]); err != nil {
			return Report{}, err
		}
	}
	return changes.Apply()
}
