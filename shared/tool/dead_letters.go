package tool

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

func newDeadLetters(dev *devFinder) *cobra.Command {
	admin := adminPort{service: "command", dev: dev}
	command := &cobra.Command{
		Use:   "dead-letters",
		Short: "Show, retry and drop messages that could not be handled",
		Long: `Show, retry and drop messages of the bus that could not be handled.

A message becomes a dead letter when all attempts of its subscription have failed, or when its handler rejects it as
malformed. It is kept with its last error, and the messages behind it continue. After the cause is fixed, retry it: it is
published behind the messages that wait for its stream by then. Or drop it permanently, with a reason.`,
	}
	admin.flag(command.PersistentFlags())
	command.AddCommand(newDeadLettersList(&admin), newDeadLettersShow(&admin), newDeadLettersRetry(&admin), newDeadLettersDrop(&admin))
	return command
}

func newDeadLettersList(admin *adminPort) *cobra.Command {
	var topic, group string
	var after uint64
	command := &cobra.Command{Use: "list", Short: "List the dead letters, oldest first"}
	flags := command.Flags()
	flags.StringVar(&topic, "topic", "", "only those of this topic: cmd or out")
	flags.StringVar(&group, "group", "", "only those of this group of workers")
	flags.Uint64Var(&after, "after", 0, "only those with a greater number")
	return newList(command, admin, "/dead-letters", func() url.Values {
		return url.Values{"topic": {topic}, "group": {group}, "after": {fmt.Sprint(after)}}
	}, printDeadLetters)
}

func printDeadLetters(out io.Writer, list adminapi.DeadLetterList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tTOPIC\tGROUP\tSTREAM\tDIED\tATTEMPTS\tID\tERROR")
	for _, d := range list.Items {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%.120q\n",
			d.Number, d.Topic, d.Group, d.Stream, d.DiedAt.Format(time.RFC3339), d.Attempts, d.ID, d.Error)
	}
	return w.Flush()
}

func newDeadLettersShow(admin *adminPort) *cobra.Command {
	return &cobra.Command{
		Use:   "show NUMBER",
		Short: "Show one dead letter with its headers and its data",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d adminapi.DeadLetterItem
			if err := admin.get(cmd.Context(), "/dead-letters/"+url.PathEscape(args[0]), &d); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "id\t%s\nto\t%s of tenant %s\ntopic\t%s\ngroup\t%s\npublished\t%s\ndied\t%s after %d attempts\n",
				d.ID, d.Stream, d.Tenant, d.Topic, d.Group, d.PublishedAt.Format(time.RFC3339Nano), d.DiedAt.Format(time.RFC3339Nano), d.Attempts)
			for _, name := range slices.Sorted(maps.Keys(d.Header)) {
				fmt.Fprintf(w, "%s\t%s\n", name, d.Header[name])
			}
			err := w.Flush()
			_, printed := fmt.Fprintf(out, "\n%s\n\n%s\n", d.Error, dataText(d))
			return errors.Join(err, printed)
		},
	}
}

func dataText(d adminapi.DeadLetterItem) string {
	if d.Data != nil {
		return string(d.Data)
	}
	return fmt.Sprintf("%q", d.DataBase64)
}

func newDeadLettersRetry(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	var topic, group string
	command := &cobra.Command{
		Use:   "retry [NUMBER]",
		Short: "Publish a message again; or all dead letters of a topic or a group, in order",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/dead-letters/retry?" + url.Values{"topic": {topic}, "group": {group}}.Encode()
			switch all := topic != "" || group != ""; {
			case all == (len(args) == 1):
				return errors.New("name one dead letter by its number, or all of a --topic or a --group")
			case !all:
				path = "/dead-letters/" + url.PathEscape(args[0]) + "/retry"
			}
			return actOnDeadLetters(cmd, admin, path, "published again", action)
		},
	}
	command.Flags().StringVar(&topic, "topic", "", "all of this topic: cmd or out")
	command.Flags().StringVar(&group, "group", "", "all of this group of workers")
	actionFlags(command.Flags(), &action)
	return command
}

func newDeadLettersDrop(admin *adminPort) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   "drop NUMBER --reason WHY",
		Short: "Remove a message permanently",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return actOnDeadLetters(cmd, admin, "/dead-letters/"+url.PathEscape(args[0])+"/drop", "dropped", action)
		},
	}
	actionFlags(command.Flags(), &action)
	if err := command.MarkFlagRequired("reason"); err != nil {
		panic(err) // the flag is declared above
	}
	return command
}

func actOnDeadLetters(cmd *cobra.Command, admin *adminPort, path, done string, action adminapi.ActionRequest) error {
	var answer adminapi.DeadLettersAnswer
	if err := admin.post(cmd.Context(), path, action, &answer); err != nil {
		return err
	}
	more := ""
	if answer.More {
		more = "; there are more, run it again"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d messages %s%s\n", answer.Done, done, more)
	return err
}
