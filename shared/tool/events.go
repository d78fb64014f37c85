package tool

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

func newEvents(dev *devFinder) *cobra.Command {
	source := logFlags{dev: dev}
	var from, output string
	var selection eventSelection
	command := &cobra.Command{
		Use:   "events",
		Short: "Print the events of the log",
		Long: `Print the events of the log, oldest first. Without --follow it stops at the end of the log.

--from takes a position (3-1042: that partition, from that commit on) or a time (2026-01-02T03:04:05Z).`,
		Example: dev.example("events --category order --id 10248", "events --follow -o json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := selection.parseFrom(from); err != nil {
				return err
			}
			printer, err := newEventPrinter(output, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return printEvents(cmd.Context(), source, selection, printer)
		},
	}
	flags := command.Flags()
	source.register(flags)
	flags.StringVar(&selection.category, "category", "", "only streams of this category")
	flags.StringVar(&selection.id, "id", "", "only streams with this id")
	flags.StringVar(&from, "from", "", "start at this position or time")
	flags.BoolVar(&selection.follow, "follow", false, "continue with new events, until interrupted")
	flags.StringVarP(&output, "output", "o", "human", "human or json (one CloudEvent a line)")
	return command
}

// eventSelection selects events.
type eventSelection struct {
	category, id string
	position     *core.Position
	time         time.Time
	follow       bool
}

func (s *eventSelection) parseFrom(text string) error {
	if text == "" {
		return nil
	}
	if position, err := core.ParsePosition(text); err == nil {
		s.position = &position
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("--from %q is neither a position such as 3-1042 nor a time such as 2026-01-02T03:04:05Z", text)
	}
	s.time = at
	return nil
}

func (s *eventSelection) includes(c *core.Commit) bool {
	return (s.category == "" || c.Stream.Category == s.category) &&
		(s.id == "" || c.Stream.ID == s.id) &&
		!c.Time.Before(s.time)
}

func printEvents(ctx context.Context, source logFlags, selection eventSelection, printer *eventPrinter) error {
	patience := toolPatience
	if selection.follow {
		patience = 0
	}
	log, closeLog, err := source.open(ctx, patience)
	if err != nil {
		return err
	}
	defer closeLog()
	return followLog(ctx, log, selection, func(c *core.Commit) error {
		if c.IsNoise() || c.Err == nil && !selection.includes(c) {
			return nil
		}
		return printer.print(c)
	})
}

// eventPrinter writes commits for people or for programs.
type eventPrinter struct {
	out    io.Writer
	errOut io.Writer // for what can't be read
	json   bool
}

func newEventPrinter(output string, out, errOut io.Writer) (*eventPrinter, error) {
	switch output {
	case "human", "json":
		return &eventPrinter{out: out, errOut: errOut, json: output == "json"}, nil
	}
	return nil, fmt.Errorf("--output is %q, it may be human or json", output)
}

func (p *eventPrinter) print(c *core.Commit) error {
	if c.Err != nil {
		_, err := fmt.Fprintf(p.errOut, "%s  can't be read: %v\n", c.Position, c.Err)
		return err
	}
	for _, e := range cloudevents.EventsOf(c) {
		e.Position = c.Position.String()
		if err := p.printEvent(c, e); err != nil {
			return err
		}
	}
	return nil
}

func (p *eventPrinter) printEvent(c *core.Commit, e cloudevents.CloudEvent) error {
	if !p.json {
		_, err := fmt.Fprintf(p.out, "%-10s %s  %-20s v%-4d %-28s %s\n",
			e.Position, c.Time.Format("2006-01-02T15:04:05.000Z"), e.Subject, e.StreamVersion, e.Type, e.Data)
		return err
	}
	text, err := core.Marshal(e)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s\n", text)
	return err
}
