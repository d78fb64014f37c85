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
	for element := range strings.SplitSeq(p.Module, "/") {
		if !pathElement.MatchString(element) {
			return fmt.Errorf("the module path %q is invalid: name one like example.com/team/shop with --module", p.Module)
		}
	}
	name := programName(p.Module)
	if token.IsKeyword(name) {
		return fmt.Errorf("%s is a keyword of Go: choose another name", name)
	}
	if !program.MatchString(name) {
		return fmt.Errorf("the name %q of the program has to begin with a letter, and may have lower-case letters, digits and '-', at most 40: choose another directory, or name a module path with --module", name)
	}
	return checkContext(p.Context)
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
