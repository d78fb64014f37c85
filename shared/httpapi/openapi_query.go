package httpapi

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/core"
	"orchestrix/shared/problem"
)

// describe documents the operations of every view, query and stream category.
func (a *queryAPI) describe() error {
	a.openapi.Info.Title += ": queries"
	a.openapi.Tags = []*huma.Tag{
		{Name: "views", Description: "Documents that projections keep up to date."},
		{Name: "queries", Description: "Reads that a module offers besides its views."},
		{Name: "streams", Description: "Aggregates from the log: now, and as they were."},
	}
	for _, v := range a.registry.Views() {
		if err := a.describeView(v); err != nil {
			return err
		}
	}
	for _, q := range a.registry.Queries() {
		if err := a.describeQuery(q); err != nil {
			return err
		}
	}
	for _, aggregate := range a.registry.Aggregates() {
		if err := a.describeStream(aggregate); err != nil {
			return err
		}
	}
	return nil
}

func (a *queryAPI) describeView(v *core.ViewType) error {
	document := object(map[string]*huma.Schema{
		"key": text(), "position": {Type: huma.TypeString, Description: "Of the commit that changed it last.", Examples: []any{"3-1042"}}, "data": a.schemas.Document(v),
	}, "key", "position", "data")
	one := &huma.Operation{
		Method: http.MethodGet, Path: "/v1/views/" + v.Name + "/{key}", OperationID: v.Name + ".get", Tags: []string{"views"},
		Summary:     "One document of " + v.Name,
		Description: v.Doc,
		Parameters:  append(a.waitParameters(), parameter("path", "key", "The document's key, percent-encoded.", text()), ifNoneMatch()),
		Responses: ok("The document.", document, withAsOf(map[string]*huma.Param{
			"ETag": header(huma.TypeString, "Another one whenever the document is another one."), headerPosition: header(huma.TypeString, "The document's position."),
		})),
	}
	one.Responses["304"] = notModified()
	many := &huma.Operation{
		Method: http.MethodGet, Path: "/v1/views/" + v.Name, OperationID: v.Name + ".list", Tags: []string{"views"},
		Summary:     "Documents of " + v.Name,
		Description: strings.TrimSpace(v.Doc + "\n\nThe documents whose fields have all the values that are given, page by page."),
		Parameters:  a.waitParameters(),
		Responses: ok("A page.", object(map[string]*huma.Schema{
			"items":       {Type: huma.TypeArray, Items: document},
			"next_cursor": {Type: huma.TypeString, Description: "The cursor of the next page; absent at the end."},
		}, "items"), withAsOf(nil)),
	}
	listParams, err := listParameters(v)
	if err != nil {
		return err
	}
	many.Parameters = append(many.Parameters, listParams...)
	if err := a.add(one, problem.BadRequest, problem.DocumentNotFound, problem.Unavailable, problem.NotReached); err != nil {
		return err
	}
	return a.add(many, problem.BadRequest, problem.UnknownName, problem.Unavailable, problem.NotReached)
}

// listParameters are the declared fields, and how to sort and page.
func listParameters(v *core.ViewType) ([]*huma.Param, error) {
	sorts := make([]any, 0, 2*len(v.Fields))
	var list []*huma.Param
	for _, f := range v.Fields {
		if f.Name == paramSort || f.Name == paramLimit || f.Name == paramCursor {
			return nil, fmt.Errorf("view %q declares the field %q, which is a parameter of every list: rename the field", v.Name, f.Name)
		}
		s, what := text(), "text"
		if f.Kind == core.Number {
			s, what = &huma.Schema{Type: huma.TypeNumber}, "number"
		}
		list = append(list, parameter("query", f.Name, "Only documents whose "+f.Name+" is this "+what+".", s))
		sorts = append(sorts, f.Name, "-"+f.Name)
	}
	if len(sorts) > 0 {
		list = append(list, parameter("query", paramSort, "A field to sort by, with - before it for descending order. Documents are sorted by key where it is missing.", &huma.Schema{Type: huma.TypeString, Enum: sorts}))
	}
	return append(list,
		parameter("query", paramLimit, "How many documents to return at most.", integer(1, maxListLimit, defaultListLimit)),
		parameter("query", paramCursor, "The next_cursor of the page before.", text()),
	), nil
}

func (a *queryAPI) describeQuery(q *core.QueryType) error {
	op := &huma.Operation{
		Method: http.MethodGet, Path: "/v1/queries/" + q.Name, OperationID: q.Name, Tags: []string{"queries"},
		Summary:    cmp.Or(q.Doc, "Query "+q.Name+" of module "+q.Module),
		Parameters: a.waitParameters(),
		Responses:  ok("The result.", a.schemas.Result(q), nil),
	}
	for _, p := range a.schemas.QueryParams(q) {
		param := parameter("query", p.Name, p.Schema.Description, p.Schema)
		param.Required = p.Required
		op.Parameters = append(op.Parameters, param)
	}
	return a.add(op, problem.BadRequest, problem.UnknownName, problem.ValidationFailed, problem.Unavailable, problem.NotReached)
}

func (a *queryAPI) describeStream(aggregate *core.Aggregate) error {
	category := aggregate.Category
	path := "/v1/streams/" + category + "/{id}"
	id := parameter("path", "id", "The id of the "+category+".", token())
	state := &huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: category + ".state", Tags: []string{"streams"},
		Summary:     "State of one " + category,
		Description: "What the events of the stream add up to: now, at a version, or at a time.",
		Parameters: append(a.waitParameters(), id,
			parameter("query", paramVersion, "The state at this version. Not together with at.", integer(1, math.MaxInt32, nil)),
			parameter("query", paramAt, "The state at this time. Not together with version.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			ifNoneMatch()),
		Responses: ok("The state.", object(map[string]*huma.Schema{
			"stream": text(), "version": {Type: huma.TypeInteger}, "position": text(), "state": a.schemas.State(aggregate),
		}, "stream", "version", "position", "state"), map[string]*huma.Param{
			"ETag": header(huma.TypeString, "The version, for If-Match of the next command."), headerPosition: header(huma.TypeString, "Of the commit that led to this version."),
		}),
	}
	state.Responses["304"] = notModified()
	history := &huma.Operation{
		Method: http.MethodGet, Path: path + "/events", OperationID: category + ".events", Tags: []string{"streams"},
		Summary: "History of one " + category,
		Parameters: append(a.waitParameters(), id,
			parameter("query", paramAfter, "Only events after this version.", integer(0, math.MaxInt32, 0)),
			parameter("query", paramLimit, "How many events to return at most.", integer(1, maxHistoryLimit, defaultHistoryLimit))),
		Responses: ok("Events, oldest first, as CloudEvents 1.0 with their position.", a.typeOf(reflect.TypeFor[HistoryAnswer]()), nil),
	}
	if err := a.add(state, problem.BadRequest, problem.StreamNotFound, problem.Unavailable, problem.NotReached); err != nil {
		return err
	}
	return a.add(history, problem.BadRequest, problem.StreamNotFound, problem.Unavailable, problem.NotReached)
}

// waitParameters are those of every read that can wait for a command to be seen.
func (a *queryAPI) waitParameters() []*huma.Param {
	return []*huma.Param{
		parameter("header", headerPosition, "Positions, separated by commas, that the answer must include: those of the commands before. The request waits for them.", &huma.Schema{Type: huma.TypeString, Examples: []any{"3-1042"}}),
		parameter("header", "Prefer", "wait=<seconds>: how long to wait for the positions, 0 to 30; 2 where it is missing.", &huma.Schema{Type: huma.TypeString, Examples: []any{"wait=5"}}),
	}
}

func ifNoneMatch() *huma.Param {
	return parameter("header", "If-None-Match", "ETags that the client has the answer of.", text())
}

func withAsOf(headers map[string]*huma.Param) map[string]*huma.Param {
	if headers == nil {
		headers = map[string]*huma.Param{}
	}
	headers[headerAsOf] = header(huma.TypeString, "The view holds all that was in the log at this time; absent where that is not known.")
	return headers
}
