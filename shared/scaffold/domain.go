package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Domain is the domain of a project: the directory "domain" beside its go.mod. Its methods collect new pieces, and [Domain.Apply]
// writes them. A piece that exists already is left as it is.
type Domain struct {
	changes *Changes
	force   bool
	module  string // path of the project's module
	es      string // import path of the package es
	tool    tool
}

// tool is how a user calls the tool, for the commands that messages show: "orchestrix", or "go tool orchestrix" in a project.
type tool string

// new is a command of the tool in quotes.
func (t tool) new(format string, args ...any) string {
	return "'" + string(t) + " new " + fmt.Sprintf(format, args...) + "'"
}

// OpenDomain returns the domain of the project in which a directory is. called is how the user has called the tool, such as "go tool
// orchestrix": errors show commands of it. With force, the files of a piece that exists are written as they were in the beginning.
func OpenDomain(dir, called string, force bool) (*Domain, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	start := root
	for root != filepath.Dir(root) {
		if module := moduleOf(root); module != "" {
			return newDomain(root, module, tool(called), force)
		}
		root = filepath.Dir(root)
	}
	return nil, fmt.Errorf("%s is not in a project, since no directory above it has a go.mod: start one with %s", start, tool(called).new("app DIR"))
}

func newDomain(root, module string, t tool, force bool) (*Domain, error) {
	d := &Domain{changes: NewChanges(root, force), force: force, module: module, es: reflect.TypeFor[es.Module]().PkgPath(), tool: t}
	switch _, err := d.changes.Read(domainFile); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not a project of Orchestrix, since it has no %s: start one with %s", root, domainFile, t.new("app DIR"))
	case err != nil:
		return nil, err
	}
	return d, nil
}

// Apply writes all new pieces, or none.
func (d *Domain) Apply() (Report, error) { return d.changes.Apply() }

// domainFile lists the bounded contexts.
const domainFile = "domain/domain.go"

// contexts returns the packages below domain that have a module, with the changes so far.
func (d *Domain) contexts() ([]*bounded, error) {
	_, dirs, err := d.changes.list("domain")
	if err != nil {
		return nil, err
	}
	var all []*bounded
	for _, dir := range dirs {
		b, err := d.parse(path.Join("domain", dir))
		if err != nil {
			return nil, err
		}
		if len(b.sources) > 0 {
			all = append(all, b)
		}
	}
	return all, nil
}

// parse returns the package in a directory.
func (d *Domain) parse(dir string) (*bounded, error) {
	files, _, err := d.changes.list(dir)
	if err != nil {
		return nil, err
	}
	b := &bounded{dir: dir, pkg: path.Base(dir), es: d.es, tool: d.tool}
	for _, name := range files {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		text, err := d.changes.Read(path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		s, err := parseGo(path.Join(dir, name), text)
		if err != nil {
			return nil, err
		}
		b.sources = append(b.sources, s)
	}
	if modules := b.definitions("Module", "Name"); len(modules) > 0 { // another file may be a program of its own
		b.pkg = modules[0].source.syntax.Name.Name
	}
	return b, nil
}

// context returns the bounded context of this name.
func (d *Domain) context(text string) (*bounded, error) {
	n, err := parseName("context", text)
	if err != nil {
		return nil, err
	}
	all, err := d.contexts()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, b := range all {
		for _, m := range b.definitions("Module", "Name") {
			if m.name == n.kebab() || m.name == text {
				return b, nil
			}
			names = append(names, m.name)
		}
	}
	return nil, fmt.Errorf("the project has no context %q; it has %s: make it with %s", text, listed(names), d.tool.new("context %s", n.kebab()))
}

// unique returns an error where another context has a definition of this name. Categories, views, queries and processes share a
// program.
func (d *Domain) unique(own *bounded, kinds []string, nameField string, n name) error {
	all, err := d.contexts()
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.dir == own.dir {
			continue
		}
		for _, kind := range kinds {
			if other, ok := b.find(kind, nameField, n.kebab()); ok {
				return fmt.Errorf("%s has the %s %q already, and its name is unique in a program: choose another name", other.source.path, strings.ToLower(kinds[0]), n.kebab())
			}
		}
	}
	return nil
}

// commit puts the insertions of a context into the set of changes.
func (d *Domain) commit(sources ...*goFile) error {
	for _, s := range sources {
		if len(s.insertions) == 0 {
			continue
		}
		if err := d.changes.Edit(s.path, func([]byte) ([]byte, error) { return s.result(), nil }); err != nil {
			return err
		}
		s.insertions = nil
	}
	return nil
}

// choices names alternatives in a sentence, at most ten.
func choices(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s, or one of %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	last := len(names) - 1
	return strings.Join(append(slices.Clone(names[:last-1]), names[last-1]+" or "+names[last]), ", ")
}

// listed names things in a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
