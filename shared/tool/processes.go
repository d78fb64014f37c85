package tool

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

func newProcesses(dev *devFinder) *cobra.Command {
	admin := adminPort{service: "process", dev: dev}
	command := &cobra.Command{
		Use:   "processes",
		Short: "Show the instances of processes, and retry or cancel those that are parked",
		Long: `Show the instances of processes, and retry or cancel those that are parked.

An instance whose reaction fails (panic, unknown event type, malformed command) is parked with the error. Its later triggers
queue in order; other instances continue. After the cause is fixed, retry it. Cancel ends an instance early; a saga then
compensates. Both are recorded in the history of the instance.`,
	}
	admin.flag(command.PersistentFlags())
	command.AddCommand(newProcessesList(&admin), newProcessesShow(&admin),
		newProcessAction(&admin, "retry", "Retry the trigger that a parked instance failed on, and the triggers that wait behind it"),
		newProcessAction(&admin, "cancel", "End an instance early; a saga compensates"))
	return command
}

func newProcessesList(admin *adminPort) *cobra.Command {
	var status, process, cursor string
	command := &cobra.Command{Use: "list", Short: "List instances from the view \"processes\", last changed first"}
	flags := command.Flags()
	flags.StringVar(&status, "status", "", "only those that are running, compensating, parked, completed, failed or cancelled")
	flags.StringVar(&process, "process", "", "only those of this process")
	flags.StringVar(&cursor, "cursor", "", "the cursor that the previous page printed")
	return newList(command, admin, "/processes", func() url.Values {
		return url.Values{"status": {status}, "process": {process}, "cursor": {cursor}}
	}, printProcesses)
}

func printProcesses(out io.Writer, list adminapi.ProcessList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESS\tINSTANCE\tSTATUS\tSTEP\tUPDATED\tWAITING\tWHY")
	for _, p := range list.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%.120s\n", p.Process, p.Instance, p.Status, p.Step, p.Updated, p.Waiting, why(p.Error, p.Reason))
	}
	if err := w.Flush(); err != nil || list.Next == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "\nthere are more: --cursor %s\n", list.Next)
	return err
}

func why(failure, reason string) string {
	if failure != "" {
		return failure
	}
	return reason
}

func newProcessesShow(admin *adminPort) *cobra.Command {
	return &cobra.Command{
		Use:   "show PROCESS INSTANCE",
		Short: "Show one instance: its state, its deadlines, and its history",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d adminapi.ProcessDetails
			if err := admin.get(cmd.Context(), processPath(args), &d); err != nil {
				return err
			}
			return printProcess(cmd.OutOrStdout(), &d)
		},
	}
}

func processPath(args []string) string {
	return "/processes/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1])
}

func printProcess(out io.Writer, d *adminapi.ProcessDetails) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := &d.Instance
	fmt.Fprintf(w, "instance\t%s %s\nstatus\t%s\n", d.Process, d.ID, p.Status)
	for _, row := range [][2]string{{"step", p.Step}, {"reason", p.Reason}, {"error", p.Error}, {"state", string(p.State)}} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, c := range p.Sent {
		fmt.Fprintf(w, "waits for\t%s to %s-%s (%s)\n", c.Name, c.Category, c.To, c.ID)
	}
	for _, deadline := range d.Deadlines {
		fmt.Fprintf(w, "deadline\t%s at %s\n", deadline.Name, deadline.At.Format(time.RFC3339))
	}
	for _, t := range p.Inbox {
		fmt.Fprintf(w, "held\t%s\n", t.ID)
	}
	fmt.Fprintln(w, "\nVERSION\tAT\tPOSITION\tEVENT\tTRIGGER")
	for _, e := range d.History {
		var data struct {
			Trigger processes.Trigger `json:"trigger"`
		}
		_ = json.Unmarshal(e.Data, &data) // an event without a trigger shows none
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", e.StreamVersion, e.Time.Format(time.RFC3339), e.Position, e.Type, data.Trigger.ID)
	}
	return w.Flush()
}

func newProcessAction(admin *adminPort, name, short string) *cobra.Command {
	var action adminapi.ActionRequest
	command := &cobra.Command{
		Use:   name + " PROCESS INSTANCE",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer adminapi.ProcessAnswer
			if err := admin.post(cmd.Context(), processPath(args)+"/"+name, action, &answer); err != nil {
				return err
			}
			if answer.Status == processes.StatusParked {
				return fmt.Errorf("the instance is parked again, %d wait: %s", answer.Waiting, answer.Error)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "the instance is %s\n", answer.Status)
			return err
		},
	}
	actionFlags(command.Flags(), &action)
	if name == "cancel" {
		if err := command.MarkFlagRequired("reason"); err != nil {
			panic(err) // the flag is declared above
		}
	}
	return command
}
