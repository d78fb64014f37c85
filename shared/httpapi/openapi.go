package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

const mediaJSON = "application/json"

// newOpenAPI returns a document without operations. types holds the schemas that the operations refer to.
func newOpenAPI(o Options, types huma.Registry) *huma.OpenAPI {
	info := &huma.Info{Title: o.Title, Version: o.Version}
	if o.License != "" {
		info.License = &huma.License{Name: o.License, Identifier: o.License}
	}
	return &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       info,
		Servers:    []*huma.Server{{URL: "/"}},
		Components: &huma.Components{Schemas: types, Responses: map[string]*huma.Response{}},
	}
}

// addOperation documents an operation, with the problems that it may answer. huma panics on a second operation of one id,
// which becomes an error here.
func (s *server) addOperation(op *huma.Operation, failures ...*problem.Type) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("OpenAPI document: %s %s: %v", op.Method, op.Path, p)
		}
	}()
	problem.Public.Describe(s.openapi, op, append(failures, problem.Internal)...)
	s.openapi.AddOperation(op)
	return nil
}

// schemaOf returns a reference to the schema of a type, which the document has once.
func (s *server) schemaOf(t reflect.Type) *huma.Schema {
	return s.openapi.Components.Schemas.Schema(t, true, t.Name())
}

// serveDocs adds the routes of the OpenAPI document and of its docs page. The document must be complete.
func (s *server) serveDocs() error {
	document, err := json.MarshalIndent(s.openapi, "", "  ")
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	yaml, err := s.openapi.YAML()
	if err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	s.serveFile("/openapi.json", "application/openapi+json", document)
	s.serveFile("/openapi.yaml", "application/openapi+yaml", yaml)
	return s.serveDocsPage()
}
