// Package app is the whole program of a team: every service, the platform on one machine, and the commands of operators.
package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/tool"
)

// version is set by the linker; otherwise the version of the module is used.
var version = ""

// Options is what a team adds to the platform.
type Options struct {
	// Modules are the bounded contexts.
	Modules []es.Module
	// Commands are further commands of the program.
	Commands []*cobra.Command
}

// Main runs the program with the arguments of the process, and ends the process.
func Main(o Options) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	err := newRoot(o).ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, tool.ErrReported) {
			fmt.Fprintln(os.Stderr, "orchestrix: "+err.Error())
		}
		os.Exit(1)
	}
}

func newRoot(o Options) *cobra.Command {
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
	root.AddCommand(newDev(o.Modules))
	root.AddCommand(tool.Commands("orchestrix", o.Modules)...)
	root.AddCommand(o.Commands...)
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
