package schema

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// The setting is global in huma. An array of a command does not accept null, unless its tag allows it.
func init() { huma.DefaultArrayNullable = false }

// refPrefix is the prefix of references to schemas.
const refPrefix = "#/components/schemas/"

// Schemas holds the schemas of all commands, documents, states, parameters and results of a registry. It is immutable and may
// be used concurrently.
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

// checkTags checks the struct tags of all types with a schema.
func checkTags(registry *core.Registry) error {
	c := tagChecker{seen: map[reflect.Type]bool{}}
	for _, a := range registry.Aggregates() {
		for _, command := range a.Commands() {
			c.checkType(command.Type)
		}
		c.checkType(a.StateType)
	}
	for _, v := range registry.Views() {
		c.checkType(v.DocType)
	}
	for _, q := range registry.Queries() {
		c.checkType(q.Params)
		c.checkType(q.Result)
	}
	return errors.Join(c.errs...)
}

func (s *Schemas) addCommand(a *core.Aggregate, c *core.CommandType) error {
	return guard("command "+a.Category+"/"+c.Name, func() { s.commands[c] = s.typesOf(c).Schema(c.Type, true, c.Name) })
}

// typesOf returns the schemas to which a command's schema refers.
func (s *Schemas) typesOf(c *core.CommandType) huma.Registry {
	if c.Internal {
		return s.internalTypes
	}
	return s.commandTypes
}

// checkNoDefaults rejects defaults of commands: they would be documented but not applied.
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

// describePatterns appends huma's patternDescription, which is not a keyword of JSON Schema, to the description. Error messages
// are not affected, because huma computes them with the schema.
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

// answersNull documents that encoding/json writes null for a nil slice.
func answersNull(object *huma.Schema) {
	for _, property := range object.Properties {
		property.Nullable = property.Nullable || property.Type == huma.TypeArray
	}
}

// CommandTypes returns a copy of the schemas to which the schemas of commands refer, without those of internal commands.
func (s *Schemas) CommandTypes() huma.Registry { return copied(s.commandTypes) }

// ReadTypes returns a copy of the schemas to which the schemas of documents, states and results refer.
func (s *Schemas) ReadTypes() huma.Registry { return copied(s.readTypes) }

// copied returns a copy, to which a caller may add types while commands are checked.
func copied(types huma.Registry) huma.Registry {
	own := newTypes()
	maps.Copy(own.Map(), types.Map())
	return own
}

// Command returns the schema of a command's body.
func (s *Schemas) Command(c *core.CommandType) *huma.Schema { return s.commands[c] }

// Document returns the schema of a view's documents.
func (s *Schemas) Document(v *core.ViewType) *huma.Schema { return s.documents[v] }

// State returns the schema of an aggregate's state.
func (s *Schemas) State(a *core.Aggregate) *huma.Schema { return s.states[a] }

// Result returns the schema of a query's answer.
func (s *Schemas) Result(q *core.QueryType) *huma.Schema { return s.results[q] }

// newTypes returns a registry that names types with their package, so that two contexts may use the same name:
// "ordering.Place".
func newTypes() huma.Registry {
	return huma.NewMapRegistry(refPrefix, func(t reflect.Type, hint string) string {
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

// guard returns a panic as an error, because huma panics on a bad tag.
func guard(what string, do func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("schema of %s: %v", what, p)
		}
	}()
	do()
	return nil
}
