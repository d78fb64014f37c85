package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

func newProjections() *cobra.Command {
	var admin adminPort
	var output string
	var partitions bool
	command := &cobra.Command{
		Use:   "projections",
		Short: "List the views with their position and lag, and manage them",
		Long: `List the builds of the views with their position and lag.

LAG is the number of commits not yet applied, and BEHIND an upper bound of the age of the oldest of them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list adminapi.ProjectionList
			if err := admin.get(cmd.Context(), "/projections", &list); err != nil {
				return err
			}
			return printAs(output, cmd.OutOrStdout(), list, func(out io.Writer, list adminapi.ProjectionList) error {
				return printProjections(out, list, partitions)
			})
		},
	}
	admin.flag(command.PersistentFlags())
	flags := command.Flags()
	flags.BoolVar(&partitions, "partitions", false, "one line for each partition")
	outputFlag(flags, &output)
	command.AddCommand(newRebuild(&admin), newProjectionAction(&admin, "cancel", "Cancel the build of a view that is being built"),
		newProjectionAction(&admin, "pause", "Pause a view; it stays readable, without new events"),
		newProjectionAction(&admin, "resume", "Resume a paused view"),
		newProjectionAction(&admin, "drop-old", "Remove the builds of a view that no reader uses"), newActions(&admin))
	return command
}

func newRebuild(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   "rebuild VIEW",
		Short: "Build a view again from the log, beside the build that readers use",
		Long: `Build a view again from the log, beside the build that readers use. Readers use the new build when it has caught up;
the old build is kept for a day, or dropped immediately with --drop-old.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer adminapi.BuildAnswer
			if err := admin.post(cmd.Context(), "/projections/"+url.PathEscape(args[0])+"/rebuild", action, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "building %s v%s: '%s projections' shows the progress\n", answer.View, answer.Build, cmd.Root().Name())
			return err
		},
	}
	command.Flags().BoolVar(&action.DropOld, "drop-old", false, "drop the old build as soon as readers use the new one")
	actionFlags(command.Flags(), &action)
	return command
}

func newProjectionAction(admin *adminPort, name, short string) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   name + " VIEW",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer json.RawMessage
			if err := admin.post(cmd.Context(), "/projections/"+url.PathEscape(args[0])+"/"+name, action, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
			return err
		},
	}
	actionFlags(command.Flags(), &action)
	return command
}

func newActions(admin *adminPort) *cobra.Command {
	var view string
	command := &cobra.Command{Use: "actions", Short: "Show who did what to the projections and to dead letters, newest first"}
	command.Flags().StringVar(&view, "view", "", "only those on this view")
	return newList(command, admin, "/actions", func() url.Values { return url.Values{"view": {view}} }, printActions)
}

func printActions(out io.Writer, list adminapi.ActionList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tWHO\tDID\tOBJECT\tREASON")
	for _, a := range list.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.At.Format(time.RFC3339), a.Who, a.Did, a.Object, a.Reason)
	}
	return w.Flush()
}

func printProjections(out io.Writer, list adminapi.ProjectionList, partitions bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tBUILD\tSTATE\tPOSITION\tLAG\tBEHIND\tPARKED\tWORK")
	for _, view := range list.Items {
		if !partitions {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%s\n",
				view.View, view.Build, stateOf(view), view.Positions(), view.Lag, seconds(view.LagSeconds), view.Parked, view.Work)
			continue
		}
		for _, p := range view.Partitions {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%s\n",
				view.View, view.Build, stateOf(view), p.Position, p.Lag, seconds(p.LagSeconds), view.Parked, p.Work)
		}
	}
	errs := []error{w.Flush()}
	for _, view := range list.Items {
		for _, p := range view.Partitions {
			if p.Error != "" {
				_, err := fmt.Fprintf(out, "\n%s at %s: %s\n", view.View, p.Position, p.Error)
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// stateOf returns the state of a build, and its progress while it is being built.
func stateOf(b adminapi.BuildStatus) string {
	state := b.State
	if state == "building" {
		state += fmt.Sprintf(" %.0f %%", 100*b.Progress)
		if b.ETASeconds > 0 {
			state += ", " + time.Duration(b.ETASeconds*float64(time.Second)).Round(time.Second).String() + " left"
		}
	}
	if b.Paused {
		state += ", paused"
	}
	return state
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
