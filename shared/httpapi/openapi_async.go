package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/problem"
)

// describeAsync documents the outcome of a command. The commands themselves say that they may be sent so.
func (a *commandAPI) describeAsync() error {
	a.openapi.Tags = append(a.openapi.Tags, &huma.Tag{Name: "outcomes", Description: "What has become of commands that were sent with Prefer: " + preferenceAsync + "."})
	return a.add(&huma.Operation{
		Method: http.MethodGet, Path: "/v1/commands/{command_id}", OperationID: "outcome", Tags: []string{"outcomes"},
		Summary:     "Outcome of a command",
		Description: "What has become of a command that was sent with Prefer: " + preferenceAsync + ", or over the bus. It can be asked for at least 24 hours.",
		Parameters:  []*huma.Param{parameter("path", "command_id", "The command's id.", commandIDSchema())},
		Responses: ok("The command is pending, accepted or rejected.", a.typeOf(reflect.TypeFor[AsyncStatus]()), map[string]*huma.Param{
			"Retry-After":  header(huma.TypeInteger, "Seconds after which to ask again, where the command is pending."),
			headerPosition: header(huma.TypeString, "Where the commit stands in the log, where the command is accepted."),
		}),
	}, problem.BadRequest, problem.CommandNotFound, problem.Unavailable)
}

// preferAsync documents that a command may be sent so.
func (a *commandAPI) preferAsync(op *huma.Operation) {
	op.Parameters = append(op.Parameters, parameter("header", "Prefer",
		preferenceAsync+": answer before the command is decided; it is checked, kept and decided in its turn.", text()))
	op.Responses["202"] = &huma.Response{
		Description: "The command is kept, and will be decided.",
		Content:     map[string]*huma.MediaType{mediaJSON: {Schema: a.typeOf(reflect.TypeFor[AsyncStatus]())}},
		Headers: map[string]*huma.Param{
			"Location":           header(huma.TypeString, "Where its outcome is."),
			"Preference-Applied": header(huma.TypeString, preferenceAsync),
			"Retry-After":        header(huma.TypeInteger, "Seconds after which to ask for the outcome."),
			headerCommandID:      header(huma.TypeString, "The command's id."),
		},
	}
}
