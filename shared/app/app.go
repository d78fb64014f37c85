// Package app is the whole program of a team: its main function calls [Main] with the modules of the team's domain.
//
// The program has a subcommand for each service (command, projection, query, process), dev for the whole platform on one machine,
// and the commands of operators (migrate, verify, events, backup, …). Its services take their configuration from environment
// variables, which -h of each of them lists. [Options] has the hooks with which a team extends the services: wrappers around
// their HTTP APIs, further routes, parts that run beside a service, configuration, and further commands.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/redact"
	"github.com/orchestrix-go/orchestrix/shared/service"
	"github.com/orchestrix-go/orchestrix/shared/tool"
)

// Options is what a team adds to the platform. All fields may be empty.
type Options struct {
	// Name is the name of the program: lower-case letters, digits and hyphens. The default is the last element of the path of
	// the main module.
	Name string
	// Modules are the bounded contexts.
	Modules []es.Module
	// Config is a pointer to a struct, which every service fills from environment variables when it starts: the field Currency
	// of the program shop from SHOP_CURRENCY, if its envconfig tags don't say otherwise. The tags are those of
	// github.com/kelseyhightower/envconfig: default, required, split_words, desc. A method Validate() error checks the values.
	// -h of each service lists the variables.
	Config any
	// Wrap returns a handler around the HTTP API of the command and of the query service, with all routes. It is called once for
	// each of them when it starts.
	Wrap func(http.Handler) http.Handler
	// Routes are further routes of the HTTP APIs.
	Routes []Route
	// Parts run beside the services.
	Parts []Part
	// Commands are further subcommands of the program.
	Commands []*cobra.Command
}

// The services, as [Route], [Part], [Env] and [Service] name them. The command and the query service have an HTTP API.
const (
	CommandService    = platform.CommandUser
	ProjectionService = platform.ProjectionUser
	QueryService      = platform.QueryUser
	ProcessService    = platform.ProcessUser
)

type (
	// Route is a further route of the HTTP API of the command or the query service.
	Route = platform.Route
	// Part is a part of the program that runs beside a service.
	Part = platform.Part
	// Env is what the handlers of routes and the parts get from their service.
	Env = platform.Env
)

// Main runs the program with the arguments of the process, and ends the process.
func Main(o Options) {
	ctx, stop := service.UntilSignal()
	status := run(ctx, o, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Service runs one service as the whole process, and ends the process. The name is one of [CommandService], [ProjectionService],
// [QueryService] and [ProcessService].
func Service(name string, o Options) {
	ctx, stop := service.UntilSignal()
	status := runService(ctx, name, o, os.Args[1:], os.Stderr)
	stop()
	os.Exit(status)
}

// runService runs a service and returns its exit status.
func runService(ctx context.Context, name string, o Options, args []string, errOut io.Writer) int {
	errOut = redact.New(args, os.Environ()).Writer(errOut)
	p, err := newProgram(o)
	if err == nil && !slices.ContainsFunc(services, func(s serviceInfo) bool { return s.name == name }) {
		err = fmt.Errorf("app.Service: there is no service %q, it may be command, projection, query or process", name)
	}
	if err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", p.name, err)
		return statusUsage
	}
	return p.serve(ctx, name, name, args)
}

// Exit statuses.
const (
	statusFailed = 1
	statusUsage  = 2 // the program or its configuration is wrong
)

// exitStatus ends the program without a further message.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is an error of the configuration: it ends the program with [statusUsage].
type usageError struct{ error }

// run runs the program and returns its exit status.
func run(ctx context.Context, o Options, args []string, out, errOut io.Writer) int {
	out, errOut = clip.Terminal(out), clip.Terminal(redact.New(args, os.Environ()).Writer(errOut))
	p, err := newProgram(o)
	var root *cobra.Command
	if err == nil {
		root, err = p.root()
	}
	if err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", p.name, err)
		return statusUsage
	}
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err = root.ExecuteContext(ctx)
	var status exitStatus
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "%s: %v\n", p.name, usage.error)
		return statusUsage
	case !errors.Is(err, tool.ErrReported):
		fmt.Fprintf(errOut, "%s: %v\n", p.name, err)
	}
	return statusFailed
}
