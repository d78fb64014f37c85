package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// describeAsync documents the status of an asynchronous command. Its operation id and tag are contracts of generated clients.
func (a *commandAPI) describeAsync() error {
	a.openapi.Tags = append(a.openapi.Tags, &huma.Tag{Name: "outcomes", Description: "The status of commands that were sent with Prefer: " + preferenceAsync + "."})
	return a.addOperation(&huma.Operation{
		Method: http.MethodGet, Path: "/v1/commands/{command_id}", OperationID: "outcome", Tags: []string{"outcomes"},
		Summary:     "Status of an asynchronous command",
		Description: "The status of a command that was sent with Prefer: " + preferenceAsync + ", or over the bus. It can be polled for at least 24 hours.",
		Parameters:  []*huma.Param{parameter("path", "command_id", "The command's id.", commandIDSchema())},
		Responses: success("The command is pending, accepted or rejected.", a.schemaOf(reflect.TypeFor[AsyncStatus]()), map[string]*huma.Param{
			"Retry-After":  header(huma.TypeInteger, "Seconds after which to poll again, if the command is pending."),
			headerPosition: header(huma.TypeString, "The position of the commit in the log, if the command is accepted."),
		}),
	}, problem.BadRequest, problem.CommandNotFound, problem.Unavailable)
}

// describePreferAsync documents the asynchronous answer to a command.
func (a *commandAPI) describePreferAsync(op *huma.Operation) {
	op.Parameters = append(op.Parameters, parameter("header", "Prefer",
		preferenceAsync+": the answer comes before the command is executed. The command is checked, stored, and executed in order per aggregate.", text()))
	op.Responses["202"] = &huma.Response{
		Description: "The command is stored and will be executed.",
		Content:     map[string]*huma.MediaType{mediaJSON: {Schema: a.schemaOf(reflect.TypeFor[AsyncStatus]())}},
		Headers: map[string]*huma.Param{
			"Location":           header(huma.TypeString, "The path of the command's status."),
			"Preference-Applied": header(huma.TypeString, preferenceAsync),
			"Retry-After":        header(huma.TypeInteger, "Seconds after which to poll the status."),
			headerCommandID:      header(huma.TypeString, "The command's id."),
		},
	}
}
