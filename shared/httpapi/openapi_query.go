package httpapi

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// describe documents the operations of every view, query and stream category.
func (a *queryAPI) describe() error {
	a.openapi.Info.Title += ": queries"
	a.openapi.Tags = []*huma.Tag{
		{Name: "views", Description: "Documents that projections build from the log."},
		{Name: "queries", Description: "Reads of modules that are not one view."},
		{Name: "streams", Description: "Current and past states of aggregates, and their events, from the log."},
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
		Responses: success("The document.", document, withAsOf(map[string]*huma.Param{
			"ETag": header(huma.TypeString, "Changes with the document."), headerPosition: header(huma.TypeString, "The document's position."),
		})),
	}
	one.Responses["304"] = notModified()
	many := &huma.Operation{
		Method: http.MethodGet, Path: "/v1/views/" + v.Name, OperationID: v.Name + ".list", Tags: []string{"views"},
		Summary:     "Documents of " + v.Name,
		Description: strings.TrimSpace(v.Doc + "\n\nThe documents whose fields have all the values that are given, in pages."),
		Parameters:  a.waitParameters(),
		Responses: success("A page.", object(map[string]*huma.Schema{
			"items":       {Type: huma.TypeArray, Items: document},
			"next_cursor": {Type: huma.TypeString, Description: "The cursor of the next page; absent at the end."},
		}, "items"), withAsOf(nil)),
	}
	listParams, err := listParameters(v)
	if err != nil {
		return err
	}
	many.Parameters = append(many.Parameters, listParams...)
	if err := a.addOperation(one, problem.BadRequest, problem.DocumentNotFound, problem.Unavailable, problem.NotReached); err != nil {
		return err
	}
	return a.addOperation(many, problem.BadRequest, problem.UnknownName, problem.Unavailable, problem.NotReached)
}

// listParameters returns the parameters of a list: the declared fields, sort order and page.
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
		list = append(list, parameter("query", paramSort,
			"A field to sort by, with - before it for descending order. Without it, documents are sorted by key.", &huma.Schema{Type: huma.TypeString, Enum: sorts}))
	}
	return append(list,
		parameter("query", paramLimit, "The maximum number of documents.", integer(1, maxListLimit, defaultListLimit)),
		parameter("query", paramCursor, "The next_cursor of the previous page.", text()),
	), nil
}

func (a *queryAPI) describeQuery(q *core.QueryType) error {
	op := &huma.Operation{
		Method: http.MethodGet, Path: "/v1/queries/" + q.Name, OperationID: q.Name, Tags: []string{"queries"},
		Summary:    cmp.Or(q.Doc, "Query "+q.Name+" of module "+q.Module),
		Parameters: a.waitParameters(),
		Responses:  success("The result.", a.schemas.Result(q), nil),
	}
	for _, p := range a.schemas.QueryParams(q) {
		param := parameter("query", p.Name, p.Schema.Description, p.Schema)
		param.Required = p.Required
		op.Parameters = append(op.Parameters, param)
	}
	return a.addOperation(op, problem.BadRequest, problem.UnknownName, problem.ValidationFailed, problem.Unavailable, problem.NotReached)
}

func (a *queryAPI) describeStream(aggregate *core.Aggregate) error {
	category := aggregate.Category
	path := "/v1/streams/" + category + "/{id}"
	id := parameter("path", "id", "The id of the "+category+".", token())
	state := &huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: category + ".state", Tags: []string{"streams"},
		Summary:     "State of one " + category,
		Description: "The state after the events of the stream: now, at a version, or at a time.",
		Parameters: append(a.waitParameters(), id,
			parameter("query", paramVersion, "The state at this version. Not together with at.", integer(1, math.MaxInt32, nil)),
			parameter("query", paramAt, "The state at this time. Not together with version.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			ifNoneMatch()),
		Responses: success("The state.", object(map[string]*huma.Schema{
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
			parameter("query", paramLimit, "The maximum number of events.", integer(1, maxHistoryLimit, defaultHistoryLimit))),
		Responses: success("Events, oldest first, as CloudEvents 1.0 with their position.", a.schemaOf(reflect.TypeFor[HistoryAnswer]()), nil),
	}
	if err := a.addOperation(state, problem.BadRequest, problem.StreamNotFound, problem.Unavailable, problem.NotReached); err != nil {
		return err
	}
	return a.addOperation(history, problem.BadRequest, problem.StreamNotFound, problem.Unavailable, problem.NotReached)
}

// waitParameters returns the parameters of every read that can wait for the events of a command.
func (a *queryAPI) waitParameters() []*huma.Param {
	return []*huma.Param{
		parameter("header", headerPosition,
			"Positions, separated by commas, that the answer must include, such as those of earlier commands. "+
				"The request waits until the view has reached them.", &huma.Schema{Type: huma.TypeString, Examples: []any{"3-1042"}}),
		parameter("header", "Prefer", "wait=<seconds>: the time limit of the wait, 0 to 30; 2 if it is missing.", &huma.Schema{Type: huma.TypeString, Examples: []any{"wait=5"}}),
	}
}

// ifNoneMatch describes the header of a conditional read.
func ifNoneMatch() *huma.Param {
	return parameter("header", "If-None-Match", "ETags of the answers that the client has.", text())
}

// withAsOf adds the header of the view's freshness.
func withAsOf(headers map[string]*huma.Param) map[string]*huma.Param {
	if headers == nil {
		headers = map[string]*huma.Param{}
	}
	headers[headerAsOf] = header(huma.TypeString, "The view includes all commits of the log before this time; absent if the time is not known.")
	return headers
}
