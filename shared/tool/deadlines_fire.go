package tool

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// newDeadlinesFire returns the command that asks the admin port of the process service.
func newDeadlinesFire(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   "fire PROCESS INSTANCE NAME",
		Short: "Fire a pending deadline now, before its time",
		Long: `Fire a pending deadline now, before its time.

The instance reacts once, as if the time had come, and the deadline is no longer pending. Who fired it, and why, is recorded in the
history of the instance. On a development platform, it shows what a process does after 15 minutes without the wait.

The three words are the columns of the same names of 'deadlines'.`,
		Example: admin.dev.example("deadlines fire transfer t-1 debit --reason 'to see it fail'"),
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer adminapi.ProcessAnswer
			if err := admin.post(cmd.Context(), processPath(args)+"/deadlines/"+url.PathEscape(args[2])+"/fire", action, &answer); err != nil {
				return err
			}
			if answer.Status == processes.StatusParked {
				return fmt.Errorf("the instance is parked, %d wait: %s", answer.Waiting, answer.Error)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "the deadline has fired, the instance is %s\n", answer.Status)
			return err
		},
	}
	actionFlags(command.Flags(), &action)
	return command
}
