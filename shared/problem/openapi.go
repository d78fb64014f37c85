package problem

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const mediaType = "application/problem+json"

// Describe adds a response to an operation for each status of the types, if the operation has none for that status. The
// response is a reference to a shared one, which lists every type of the table with that status.
func (t *Table) Describe(document *huma.OpenAPI, op *huma.Operation, types ...*Type) {
	for _, k := range types {
		status := strconv.Itoa(k.Status)
		if op.Responses[status] == nil {
			op.Responses[status] = &huma.Response{Ref: "#/components/responses/" + t.sharedResponse(document, k.Status)}
		}
	}
}

// sharedResponse returns the name of the response of a status, such as NotFound, and adds the response to the document once.
func (t *Table) sharedResponse(document *huma.OpenAPI, status int) string {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	if document.Components.Responses[name] != nil {
		return name
	}
	body := reflect.TypeFor[Problem]()
	response := &huma.Response{Content: map[string]*huma.MediaType{mediaType: {Schema: document.Components.Schemas.Schema(body, true, body.Name())}}}
	var lines []string
	for _, k := range t.Types {
		if k.Status == status {
			lines = append(lines, "`"+k.Code+"`: "+k.Title+".")
		}
	}
	response.Description = strings.Join(lines, "\n\n")
	if slices.ContainsFunc(t.Types, func(k *Type) bool { return k.Status == status && k.RetryAfter > 0 }) {
		response.Headers = map[string]*huma.Param{"Retry-After": {
			Description: "Seconds after which to send the request again.", Schema: &huma.Schema{Type: huma.TypeInteger},
		}}
	}
	if document.Components.Responses == nil {
		document.Components.Responses = map[string]*huma.Response{}
	}
	document.Components.Responses[name] = response
	return name
}
