package scaffold

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

var (
	program     = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	packageName = regexp.MustCompile(`^[a-z][a-z0-9]{0,39}$`)
	pathElement = regexp.MustCompile(`^[A-Za-z0-9_~-]([A-Za-z0-9._~-]*[A-Za-z0-9_~-])?$`)
)

// reserved are names of packages that a bounded context can't have: its own files import them, or they mean something to Go.
var reserved = []string{"context", "domain", "es", "estest", "internal", "main", "reflect", "testdata", "testing", "time", "vendor"}

// check returns an error unless the names of the project are valid.
func (p Project) check() error {
	if err := checkModule(p.Module); err != nil {
		return err
	}
	name := programName(p.Module)
	if slices.Contains(places, name) {
		return fmt.Errorf("a project has a place %s of its own, so its program can't have this name: choose another one, or name a module path with --module", name)
	}
	if token.IsKeyword(name) {
		return fmt.Errorf("%s is a keyword of Go: choose another name", name)
	}
	if !program.MatchString(name) {
		return fmt.Errorf("the name %q of the program has to begin with a letter, and may have lower-case letters, digits and '-', at most 40: choose another directory, or name a module path with --module", name)
	}
	return checkContext(p.Context)
}

// places are files and directories of a project that its program would overwrite, or that would be ignored like the program.
var places = []string{"bin", "deploy", "dist", "domain", "justfile"}

// noModules are words that mean sets of packages to the go command.
var noModules = []string{"all", "cmd", "std", "tool", "work"}

var (
	deviceName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`) // of Windows
	anyVersion = regexp.MustCompile(`^v[0-9]+$`)
)

// checkModule returns an error for a module path that the go command does not accept, or that is a part of Orchestrix.
func checkModule(module string) error {
	const name = "name one like example.com/team/shop with --module"
	elements := strings.Split(module, "/")
	for _, element := range elements {
		switch {
		case !pathElement.MatchString(element):
			return fmt.Errorf("the module path %q is invalid: %s", module, name)
		case deviceName.MatchString(element):
			return fmt.Errorf("the module path %q is invalid, %s is a device on Windows: %s", module, element, name)
		case element == "vendor":
			return fmt.Errorf("the module path %q is invalid, vendor is the directory of copied modules: %s", module, name)
		}
	}
	last := elements[len(elements)-1]
	switch own := modulePath(); {
	case slices.Contains(noModules, module):
		return fmt.Errorf("the go command takes %q for a set of packages: %s", module, name)
	case len(elements) > 1 && anyVersion.MatchString(last) && !majorVersion.MatchString(last):
		return fmt.Errorf("the module path %q ends with %s, and only versions from v2 are in a path: leave it out", module, last)
	case module == own || strings.HasPrefix(module, own+"/"):
		return fmt.Errorf("the module path %q is in Orchestrix: %s", module, name)
	}
	return nil
}

// checkContext returns an error unless name can be the package of a bounded context.
func checkContext(name string) error {
	switch {
	case token.IsKeyword(name):
		return fmt.Errorf("%s is a keyword of Go: choose another name for the context", name)
	case types.Universe.Lookup(name) != nil:
		return fmt.Errorf("%s is a predeclared name of Go: choose another name for the context", name)
	case slices.Contains(reserved, name):
		return fmt.Errorf("%s is the name of a package that a context uses, or of a special one: choose another name for the context", name)
	case !packageName.MatchString(name):
		return fmt.Errorf("the context %q is no name of a package: it has to begin with a letter, and may have lower-case letters and digits, at most 40", name)
	}
	return nil
}
