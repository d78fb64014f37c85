// Package cli has the commands that write source files: new app, new context, new aggregate, …
package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/scaffold"
)

// New is the command that writes source files. called is how a user calls its parent, for examples and messages: "orchestrix", or "go
// tool orchestrix".
func New(called string) *cobra.Command {
	command := &cobra.Command{
		Use:   "new",
		Short: "Start a project, or add a piece to one",
	}
	command.AddCommand(newApp(called))
	command.AddCommand(newPieces(called)...)
	return command
}

func newApp(called string) *cobra.Command {
	var p scaffold.Project
	command := &cobra.Command{
		Use:   "app DIR",
		Short: "Start a project",
		Long: `Start a project of its own in DIR, which does not exist or is empty: a program with one bounded context, its tests, an image,
a compose file and a Kubernetes deployment.

The project uses the version of Orchestrix that this program was built from: a released version, or the source on this
machine, by a replace line in its go.mod. Where its modules are in the cache of modules, no network is needed.`,
		Example: "  " + called + " new app shop\n  " + called + " new app shop --module example.com/team/shop --context bookings",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Dir = args[0]
			report, err := scaffold.WriteProject(cmd.Context(), p)
			if err != nil {
				return err
			}
			work := ""
			if file := scaffold.Workspace(p.Dir); file != "" {
				work = "  go work use .   # " + file + " covers the directory\n"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nThe README.md shows what to do with it. In %s:\n\n%s  go test ./...\n  go run . dev\n", report, p.Dir, work)
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&p.Module, "module", "", "Go module path of the project (default: the last element of DIR)")
	flags.StringVar(&p.Context, "context", "reservations", "bounded context that the project begins with")
	flags.StringVar(&p.Orchestrix, "orchestrix", "", "version of Orchestrix, or directory of its source (default: what this program was built from)")
	return command
}
