package httpapi

import (
	"cmp"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// describe documents an operation for each command that clients may send.
func (a *commandAPI) describe() error {
	a.openapi.Info.Title += ": commands"
	for _, aggregate := range a.registry.Aggregates() {
		offered := aggregate.Offered()
		if len(offered) == 0 {
			continue // such as the instances of a process
		}
		a.openapi.Tags = append(a.openapi.Tags, &huma.Tag{Name: aggregate.Category, Description: "Commands to one " + aggregate.Category + " of module " + aggregate.Module + "."})
		for _, c := range offered {
			if err := a.describeCommand(c); err != nil {
				return err
			}
		}
	}
	if a.options.Async != nil {
		return a.describeAsync()
	}
	return nil
}

func (a *commandAPI) describeCommand(c *core.CommandType) error {
	category := c.Aggregate.Category
	op := &huma.Operation{
		Method: http.MethodPost, Path: "/v1/commands/" + category + "/{id}/" + c.Name,
		OperationID: category + "." + c.Name, Tags: []string{category},
		Summary:     cmp.Or(c.Doc, strings.ToUpper(c.Name[:1])+c.Name[1:]+" "+category),
		Description: "Executes the command and writes its events. A command that is sent again under the same Idempotency-Key gets its first answer, and its events are written once.",
		Parameters: []*huma.Param{
			parameter("path", "id", "The id of the "+category+".", token()),
			parameter("header", headerCommandID, "The command's id: 1 to 128 printable ASCII characters without space. Generated and returned if it is missing.", commandIDSchema()),
			parameter("header", "If-Match", `The version that the stream must have, in quotes; "0" if it must not exist yet.`, &huma.Schema{Type: huma.TypeString, Pattern: `^"(0|[1-9][0-9]*)"$`}),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{mediaJSON: {Schema: a.schemas.Command(c)}}},
		Responses: success("The command is accepted, and its events are written.", a.schemaOf(reflect.TypeFor[CommandAnswer]()), map[string]*huma.Param{
			"ETag":          header(huma.TypeString, "The stream's version, for If-Match."),
			headerPosition:  header(huma.TypeString, "The position of the commit in the log."),
			headerCommandID: header(huma.TypeString, "The command's id."),
			headerRepeated:  header(huma.TypeString, "true if the command was accepted before: this is its first answer."),
		}),
	}
	if a.options.Async != nil {
		a.describePreferAsync(op)
	}
	return a.addOperation(op, problem.BadRequest, problem.InternalCommand, problem.UnknownName, problem.BodyTimeout, problem.Conflict, problem.PreconditionFailed,
		problem.BodyTooLarge, problem.NotJSON, problem.ValidationFailed, problem.Unavailable)
}

// commandIDSchema is the schema of an Idempotency-Key.
func commandIDSchema() *huma.Schema {
	longest := core.MaxCommandIDLength
	return &huma.Schema{Type: huma.TypeString, Pattern: "^[!-~]+$", MaxLength: &longest}
}
