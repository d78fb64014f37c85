package schema

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/core"
)

// huma keeps this setting for the whole program. A command's array takes no null, unless its tag says so.
func init() { huma.DefaultArrayNullable = false }

// RefPrefix stands before the name of a schema that is referred to.
const RefPrefix = "#/components/schemas/"

// Schemas are the schemas of everything in a registry. They don't change, and may be used concurrently.
type Schemas struct {
	commandTypes, internalTypes, readTypes, paramTypes huma.Registry // internalTypes are of commands that no document shows

	commands  map[*core.CommandType]*huma.Schema
	acceptors map[*core.CommandType]*acceptor
	documents map[*core.ViewType]*huma.Schema
	states    map[*core.Aggregate]*huma.Schema
	results   map[*core.QueryType]*huma.Schema
	params    map[*core.QueryType]*params
}

// New makes the schemas of all commands, views, states and queries. The error names the type, the field and the tag of
// every struct tag that is unknown (minLenght), has a bad value (a pattern that is no regular expression, a limit that is
// no number), or has no meaning on its field.
func New(registry *core.Registry) (*Schemas, error) {
	if err := checkTags(registry); err != nil {
		return nil, err
	}
	s := &Schemas{
		commandTypes: newTypes(), internalTypes: newTypes(), readTypes: newTypes(), paramTypes: newTypes(),
		commands:  map[*core.CommandType]*huma.Schema{},
		acceptors: map[*core.CommandType]*acceptor{},
		documents: map[*core.ViewType]*huma.Schema{},
		states:    map[*core.Aggregate]*huma.Schema{},
		results:   map[*core.QueryType]*huma.Schema{},
		params:    map[*core.QueryType]*params{},
	}
	var errs []error
	for _, a := range registry.Aggregates() {
		for _, c := range a.Commands() {
			errs = append(errs, s.addCommand(a, c))
		}
		errs = append(errs, guard("state of "+a.Category, func() { s.states[a] = s.readTypes.Schema(a.StateType, true, a.Category) }))
	}
	for _, v := range registry.Views() {
		errs = append(errs, guard("view "+v.Name, func() { s.documents[v] = s.readTypes.Schema(v.DocType, true, v.Name) }))
	}
	for _, q := range registry.Queries() {
		errs = append(errs, guard("result of query "+q.Name, func() { s.results[q] = s.readTypes.Schema(q.Result, true, q.Name) }))
		errs = append(errs, s.addParams(q))
	}
	if err := errors.Join(append(errs, s.checkNoDefaults())...); err != nil {
		return nil, err
	}
	for _, types := range []huma.Registry{s.commandTypes, s.internalTypes, s.readTypes} {
		applyFormats(types)
		for _, object := range types.Map() {
			describePatterns(object)
		}
	}
	for _, object := range s.readTypes.Map() {
		answersNull(object)
	}
	for c, object := range s.commands {
		s.acceptors[c] = newAcceptor(s.typesOf(c), object, nil)
	}
	return s, nil
}

// checkTags checks the struct tags of every type that gets a schema.
func checkTags(registry *core.Registry) error {
	c := tagChecker{seen: map[reflect.Type]bool{}}
	for _, a := range registry.Aggregates() {
		for _, command := range a.Commands() {
			c.check(command.Type)
		}
		c.check(a.StateType)
	}
	for _, v := range registry.Views() {
		c.check(v.DocType)
	}
	for _, q := range registry.Queries() {
		c.check(q.Params)
		c.check(q.Result)
	}
	return errors.Join(c.errs...)
}

func (s *Schemas) addCommand(a *core.Aggregate, c *core.CommandType) error {
	return guard("command "+a.Category+"/"+c.Name, func() { s.commands[c] = s.typesOf(c).Schema(c.Type, true, c.Name) })
}

// typesOf are the schemas that a command's schema refers to.
func (s *Schemas) typesOf(c *core.CommandType) huma.Registry {
	if c.Internal {
		return s.internalTypes
	}
	return s.commandTypes
}

// checkNoDefaults refuses what would be documented and not done: a command is stored as it came.
func (s *Schemas) checkNoDefaults() error {
	var errs []error
	for _, types := range []huma.Registry{s.commandTypes, s.internalTypes} {
		for name, object := range types.Map() {
			for field, property := range object.Properties {
				if property.Default != nil {
					errs = append(errs, fmt.Errorf("%s.%s: a command's field takes no default; make it optional (omitempty) and decide in the domain", name, field))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// describePatterns moves what huma calls patternDescription, which JSON Schema does not know, to the end of the
// description. Error messages have it already: huma makes them together with the schema.
func describePatterns(s *huma.Schema) {
	if s.PatternDescription != "" {
		s.Description = strings.TrimSpace(s.Description + " Format: " + s.PatternDescription + ".")
		s.PatternDescription = ""
	}
	for _, property := range s.Properties {
		describePatterns(property)
	}
	if s.Items != nil {
		describePatterns(s.Items)
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		describePatterns(values)
	}
}

// answersNull documents that encoding/json writes null for a slice that was never set.
func answersNull(object *huma.Schema) {
	for _, property := range object.Properties {
		property.Nullable = property.Nullable || property.Type == huma.TypeArray
	}
}

// CommandTypes are the schemas that those of commands refer to, internal ones aside. The registry is the caller's own.
func (s *Schemas) CommandTypes() huma.Registry { return copied(s.commandTypes) }

// ReadTypes are the schemas that those of documents, states and results refer to. The registry is the
// caller's own.
func (s *Schemas) ReadTypes() huma.Registry { return copied(s.readTypes) }

// copied lets a caller add types of its own while others check commands.
func copied(types huma.Registry) huma.Registry {
	own := newTypes()
	maps.Copy(own.Map(), types.Map())
	return own
}

// Command is the schema of a command's body.
func (s *Schemas) Command(c *core.CommandType) *huma.Schema { return s.commands[c] }

// Document is the schema of a view's documents.
func (s *Schemas) Document(v *core.ViewType) *huma.Schema { return s.documents[v] }

// State is the schema of an aggregate's state.
func (s *Schemas) State(a *core.Aggregate) *huma.Schema { return s.states[a] }

// Result is the schema of what a query answers.
func (s *Schemas) Result(q *core.QueryType) *huma.Schema { return s.results[q] }

// newTypes makes a registry that names a type after its package, so that two contexts may use one name:
// "ordering.Place".
func newTypes() huma.Registry {
	return huma.NewMapRegistry(RefPrefix, func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name := huma.DefaultSchemaNamer(t, hint)
		if t.PkgPath() == "" {
			return name
		}
		return path.Base(t.PkgPath()) + "." + name
	})
}

// guard turns a panic, which is how huma reports a bad tag, into an error.
func guard(what string, do func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("schema of %s: %v", what, p)
		}
	}()
	do()
	return nil
}
