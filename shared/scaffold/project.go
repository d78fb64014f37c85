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
	files, err := renderProject(dir, p, source)
	if err != nil {
		return Report{}, err
	}
	if err := g.addModuleFiles(ctx, files, p.Module, source); err != nil {
		return Report{}, err
	}
	return writeFiles(dir, files)
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
