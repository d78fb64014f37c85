package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/scaffold"
)

// newPieces are the commands that add a piece to the domain of a project.
func newPieces(called string) []*cobra.Command {
	return []*cobra.Command{newContext(called), newAggregate(called), newCommand(called), newEvent(called), newView(called), newProcess(called), newQuery(called)}
}

// newPiece returns a command that adds a piece. The example begins behind "new". The arguments of the command are names, in kebab-case or PascalCase.
func newPiece(called, use, short, example string, args int, add func(d *scaffold.Domain, args []string) error) *cobra.Command {
	var force bool
	command := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `, with its test, in the project of the current directory.

Names are in kebab-case or PascalCase; the other spelling follows. A piece that exists already is left as it is. Existing
files are extended where that is needed; nothing in them is replaced, and nothing is written where a step fails.`,
		Example: "  " + called + " new " + example,
		Args:    cobra.ExactArgs(args),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := scaffold.OpenDomain(".", called, force)
			if err != nil {
				return err
			}
			if err := add(d, args); err != nil {
				return err
			}
			report, err := d.Apply()
			if err != nil {
				return err
			}
			text := report.String()
			if report.Empty() {
				text = "It exists already: nothing was written.\n"
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	command.Flags().BoolVar(&force, "force", false, "overwrite files that the piece has alone, also where they were edited")
	return command
}

func newContext(called string) *cobra.Command {
	return newPiece(called, "context NAME", "Add a bounded context", "context billing", 1,
		func(d *scaffold.Domain, args []string) error { return d.Context(args[0]) })
}

func newAggregate(called string) *cobra.Command {
	var o scaffold.AggregateOptions
	command := newPiece(called, "aggregate CONTEXT NAME", "Add an aggregate with a first command",
		"aggregate billing invoice --command issue", 2,
		func(d *scaffold.Domain, args []string) error { return d.Aggregate(args[0], args[1], o) })
	command.Flags().StringVar(&o.Command, "command", "create", "name of the first command")
	command.Flags().StringVar(&o.Event, "event", "", "kind of its event (default: of both names, such as InvoiceCreated)")
	return command
}

func newCommand(called string) *cobra.Command {
	var o scaffold.CommandOptions
	command := newPiece(called, "command CONTEXT AGGREGATE NAME", "Add a command and its event to an aggregate",
		"command billing invoice pay", 3,
		func(d *scaffold.Domain, args []string) error { return d.Command(args[0], args[1], args[2], o) })
	command.Flags().StringVar(&o.Event, "event", "", "kind of its event, new or existing (default: of both names, such as InvoicePaid)")
	command.Flags().BoolVar(&o.Internal, "internal", false, "only processes may send the command")
	return command
}

func newEvent(called string) *cobra.Command {
	return newPiece(called, "event CONTEXT AGGREGATE NAME", "Add an event to an aggregate, without a command",
		"event billing invoice InvoicePaid", 3,
		func(d *scaffold.Domain, args []string) error { return d.Event(args[0], args[1], args[2]) })
}

func newView(called string) *cobra.Command {
	var o scaffold.ViewOptions
	command := newPiece(called, "view CONTEXT NAME", "Add a view with one document for each instance of an aggregate",
		"view billing invoices", 2,
		func(d *scaffold.Domain, args []string) error { return d.View(args[0], args[1], o) })
	command.Flags().StringVar(&o.Aggregate, "aggregate", "", "whose events it folds (default: the only one of the context)")
	command.Flags().StringSliceVar(&o.Events, "event", nil, "kind of an event that it folds; may be repeated (default: all)")
	return command
}

func newProcess(called string) *cobra.Command {
	var o scaffold.ProcessOptions
	command := newPiece(called, "process CONTEXT NAME", "Add a process with a deadline for each instance of an aggregate",
		"process billing reminder --until InvoicePaid --after 336h --command remind", 2,
		func(d *scaffold.Domain, args []string) error { return d.Process(args[0], args[1], o) })
	flags := command.Flags()
	flags.StringVar(&o.Aggregate, "aggregate", "", "whose events it reacts to (default: the only one of the context)")
	flags.StringVar(&o.Event, "event", "", "kind of the event that begins an instance (default: the first of the aggregate)")
	flags.StringVar(&o.Until, "until", "", "kind of the event that ends it before the deadline (default: none)")
	flags.DurationVar(&o.After, "after", 15*time.Minute, "from the beginning to the deadline")
	flags.StringVar(&o.Command, "command", "", "command that is sent to the aggregate at the deadline (default: none)")
	return command
}

func newQuery(called string) *cobra.Command {
	var o scaffold.QueryOptions
	command := newPiece(called, "query CONTEXT NAME", "Add a query that reads a view",
		"query billing open-invoices", 2,
		func(d *scaffold.Domain, args []string) error { return d.Query(args[0], args[1], o) })
	command.Flags().StringVar(&o.View, "view", "", "view that it reads (default: the only one of the context)")
	return command
}
