package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/core"
	"orchestrix/shared/problem"
)

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
)

func newOpenAPI(o Options, types huma.Registry) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: o.Title, Version: o.Version, License: &huma.License{Name: o.License, Identifier: o.License}},
		Servers:    []*huma.Server{{URL: "/"}},
		Components: &huma.Components{Schemas: types, Responses: map[string]*huma.Response{}},
	}
}

// add documents an operation, with the answers for what can go wrong. A panic of huma, which two operations of
// one id cause, becomes an error.
func (s *server) add(op *huma.Operation, failures ...*problem.Type) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("OpenAPI document: %s %s: %v", op.Method, op.Path, p)
		}
	}()
	for _, k := range append(failures, problem.Internal) {
		status := strconv.Itoa(k.Status)
		if op.Responses[status] == nil {
			op.Responses[status] = s.problemResponse(status)
		}
	}
	s.openapi.AddOperation(op)
	return nil
}

// problemResponse refers to what a status means, which is written down once.
func (s *server) problemResponse(status string) *huma.Response {
	if s.openapi.Components.Responses[status] == nil {
		response := &huma.Response{Content: map[string]*huma.MediaType{mediaProblem: {Schema: s.typeOf(reflect.TypeFor[problem.Problem]())}}}
		for _, k := range documented {
			if strconv.Itoa(k.Status) != status {
				continue
			}
			if response.Description != "" {
				response.Description += "\n\n"
			}
			response.Description += "`" + k.Code + "`: " + k.Title + "."
			if k.RetryAfter > 0 {
				response.Headers = map[string]*huma.Param{"Retry-After": header(huma.TypeInteger, "Seconds after which to try again.")}
			}
		}
		s.openapi.Components.Responses[status] = response
	}
	return &huma.Response{Ref: "#/components/responses/" + status}
}

// documented are the kinds of problem in the order in which the document describes them.
var documented = []*problem.Type{
	problem.BadRequest, problem.MalformedJSON, problem.UnknownField, problem.BadToken, problem.BadHeader, problem.BadPosition, problem.BadQuery,
	problem.UnknownRoute, problem.UnknownName, problem.DocumentNotFound, problem.StreamNotFound, problem.VersionNotFound, problem.CommandNotFound, problem.MethodNotAllowed, problem.BodyTimeout,
	problem.Conflict, problem.PreconditionFailed, problem.BodyTooLarge, problem.NotJSON, problem.ValidationFailed, problem.Rejected, problem.CommandReused,
	problem.Internal, problem.Unavailable, problem.Overloaded, problem.ResultsFull, problem.NotReached,
}

func (s *server) typeOf(t reflect.Type) *huma.Schema {
	return s.openapi.Components.Schemas.Schema(t, true, t.Name())
}

// ok is the documentation of a 200.
func ok(description string, body *huma.Schema, headers map[string]*huma.Param) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description, Headers: headers,
		Content: map[string]*huma.MediaType{mediaJSON: {Schema: body}},
	}}
}

func notModified() *huma.Response {
	return &huma.Response{Description: "The client has this answer already: If-None-Match names its ETag."}
}

func header(kind, description string) *huma.Param {
	return &huma.Param{Description: description, Schema: &huma.Schema{Type: kind}}
}

// parameter is a path, query or header parameter.
func parameter(in, name, description string, s *huma.Schema) *huma.Param {
	return &huma.Param{In: in, Name: name, Description: description, Required: in == "path", Schema: s}
}

func text() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

func integer(least, most float64, otherwise any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: otherwise}
}

// token is the schema of an id in a path.
func token() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: core.TokenPattern, Examples: []any{"10248"}}
}

// object is a schema with these properties, of which optional ones need not be there.
func object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}

// serveDocs adds the routes of the OpenAPI document, which is complete now, and of its docs page.
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
