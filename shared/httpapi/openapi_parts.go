package httpapi

import "github.com/danielgtaylor/huma/v2"

// success describes the response 200.
func success(description string, body *huma.Schema, headers map[string]*huma.Param) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description, Headers: headers,
		Content: map[string]*huma.MediaType{mediaJSON: {Schema: body}},
	}}
}

// notModified describes the response 304.
func notModified() *huma.Response {
	return &huma.Response{Description: "Not modified: If-None-Match has the ETag of the answer."}
}

// header describes a response header of a JSON type.
func header(kind, description string) *huma.Param {
	return &huma.Param{Description: description, Schema: &huma.Schema{Type: kind}}
}

// parameter describes a parameter; in is path, query or header.
func parameter(in, name, description string, s *huma.Schema) *huma.Param {
	return &huma.Param{In: in, Name: name, Description: description, Required: in == "path", Schema: s}
}

// text is the schema of any text.
func text() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// integer is the schema of a number between least and most. otherwise is its default; nil: none.
func integer(least, most float64, otherwise any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: otherwise}
}

// token is the schema of an id in a path.
func token() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[A-Za-z0-9_-]{1,64}$", Examples: []any{"10248"}}
}

// object is the schema of an object with these properties and no others.
func object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}
