// Command orchestrix is the tool of a project, which its go.mod names: go tool orchestrix new … adds pieces to the project. All other
// commands are in the program of the project. This tool has no domain, so that a project does not depend on the samples.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/scaffold/cli"
)

const called = "go tool orchestrix"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run runs the tool and returns its exit status.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(errOut, "orchestrix: %v\n", err)
		return 1
	}
	return 0
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "orchestrix",
		Short: "Add a piece to a project, or start one",
		Long: `Add a piece to a project, or start one.

The commands of operators and dev are in the program of the project: 'go run . -h' in its directory shows them.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: called},
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return errors.New("this tool has no command \"" + args[0] + "\", only new: the other commands are in the program of the project, 'go run . -h' shows them")
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(cli.New(called))
	return root
}
