package tool

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

func newParked(dev *devFinder) *cobra.Command {
	admin := adminPort{service: "projection", dev: dev}
	command := &cobra.Command{
		Use:   "parked",
		Short: "Show, retry and skip events that a view could not apply",
		Long: `Show, retry and skip events that a view could not apply.

Such an event is parked with its error, and later events of the same document wait behind it, in order; all other
documents continue. After the cause is fixed, retry it; or skip it permanently, with a reason. Both are recorded.`,
	}
	admin.flag(command.PersistentFlags())
	command.AddCommand(newParkedList(&admin), newParkedShow(&admin), newParkedRetry(&admin), newParkedSkip(&admin))
	return command
}

func newParkedList(admin *adminPort) *cobra.Command {
	var view, group string
	var after int64
	command := &cobra.Command{Use: "list", Short: "List the events that failed, with the group of their failure"}
	flags := command.Flags()
	flags.StringVar(&view, "view", "", "only those of this view")
	flags.StringVar(&group, "group", "", "only those of this failure group")
	flags.Int64Var(&after, "after", 0, "only those with a greater id")
	return newList(command, admin, "/parked", func() url.Values {
		return url.Values{"view": {view}, "group": {group}, "after": {fmt.Sprint(after)}}
	}, printParked)
}

func printParked(out io.Writer, list adminapi.ParkedList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tVIEW\tLANE\tEVENT\tAT\tATTEMPTS\tBEHIND\tGROUP\tERROR")
	for _, p := range list.Items {
		fmt.Fprintf(w, "%d\t%s v%s\t%s\t%s\t%s\t%d\t%d\t%s\t%.120s\n",
			p.ID, p.View, p.Build, p.Lane, p.Type, p.Position, p.Attempts, p.Behind, p.Group, p.Message)
	}
	return w.Flush()
}

func newParkedShow(admin *adminPort) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one event with the causes of its failure, and its data from the log",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p adminapi.ParkedItem
			if err := admin.get(cmd.Context(), "/parked/"+url.PathEscape(args[0]), &p); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "event\t%s at %s of %s\nview\t%s v%s\nlane\t%s\nparked\t%s\nattempts\t%d\nbehind it\t%d\n",
				p.Type, p.Position, p.Stream, p.View, p.Build, p.Lane, p.ParkedAt.Format(time.RFC3339), p.Attempts, p.Behind)
			for i, cause := range p.Causes {
				title := "because"
				if i == 0 {
					title = "error"
				}
				fmt.Fprintf(w, "%s\t%s\n", title, cause)
			}
			if p.Group != "" {
				fmt.Fprintf(w, "group\t%s\n", p.Group)
			}
			err := w.Flush()
			if len(p.Event) > 0 {
				_, printed := fmt.Fprintf(out, "\n%s\n", p.Event)
				err = errors.Join(err, printed)
			}
			return err
		},
	}
}

func newParkedRetry(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	var group, view string
	command := &cobra.Command{
		Use:   "retry [ID]",
		Short: "Apply an event again, and the events that wait behind it; or all of a failure group",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/parked/retry?" + url.Values{"group": {group}, "view": {view}}.Encode()
			switch all := group != "" || view != ""; {
			case all == (len(args) == 1):
				return errors.New("name one event by its id, or all of a --group or a --view")
			case !all:
				path = "/parked/" + url.PathEscape(args[0]) + "/retry"
			}
			return resolve(cmd, admin, path, action)
		},
	}
	command.Flags().StringVar(&group, "group", "", "all of this failure group")
	command.Flags().StringVar(&view, "view", "", "all of this view")
	actionFlags(command.Flags(), &action)
	return command
}

func newParkedSkip(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   "skip ID --reason WHY",
		Short: "Leave an event out of the view permanently, and apply the events that wait behind it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return resolve(cmd, admin, "/parked/"+url.PathEscape(args[0])+"/skip", action)
		},
	}
	actionFlags(command.Flags(), &action)
	if err := command.MarkFlagRequired("reason"); err != nil {
		panic(err) // the flag is declared above
	}
	return command
}

// resolve requests a retry or a skip, and fails if an event still blocks its lane.
func resolve(cmd *cobra.Command, admin *adminPort, path string, action adminapi.ActionRequest) error {
	var answer adminapi.RetryAnswer
	if err := admin.post(cmd.Context(), path, action, &answer); err != nil {
		return err
	}
	if answer.Failed > 0 {
		return fmt.Errorf("%d events applied; %d lanes are still blocked: %s", answer.Applied, answer.Failed, answer.Error)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d events applied\n", answer.Applied)
	return err
}
