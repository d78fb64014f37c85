// Command orchestrix is the tool of developers and operators: it starts the whole platform on one machine, sends
// commands, and shows the log and the projections.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker; otherwise the version of the module is used.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, "orchestrix: "+err.Error())
		}
		os.Exit(1)
	}
}

// errReported: a command has failed and has already printed why.
var errReported = errors.New("reported")

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "orchestrix",
		Short: "Event sourcing and CQRS on NATS JetStream and Postgres",
		Long: `Event sourcing and CQRS on NATS JetStream and Postgres.

Start everything on this machine with 'orchestrix dev', then send commands to it over HTTP or from a file with
'orchestrix send'.`,
		Version:       versionText(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newDev(), newSend(), newEvents(), newProjections(), newParked(), newDeadLetters(), newDeadlines(), newProcesses(), newVerify(), newBackup(), newRestore(),
		newMigrate(), newHealth(), newBench())
	root.AddCommand(newKeys())
	return root
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// fromEnv returns the default of a flag that an environment variable may set.
func fromEnv(variable, otherwise string) string {
	if value, ok := os.LookupEnv(variable); ok && value != "" {
		return value
	}
	return otherwise
}
