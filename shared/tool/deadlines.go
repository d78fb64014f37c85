package tool

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

func newDeadlines(dev *devFinder) *cobra.Command {
	admin, process := adminPort{service: "command", dev: dev}, adminPort{service: "process", dev: dev}
	var category, id string
	command := &cobra.Command{Use: "deadlines", Short: "List the deadlines that processes wait for, soonest first, or fire one"}
	fire := newDeadlinesFire(&process)
	process.flag(fire.Flags())
	command.AddCommand(fire)
	flags := command.Flags()
	admin.flag(flags)
	flags.StringVar(&category, "category", "", "only those of this category of instances: process-transfer")
	flags.StringVar(&id, "id", "", "only those of the instance of this id")
	return newList(command, &admin, "/deadlines", func() url.Values {
		return url.Values{"category": {category}, "id": {id}}
	}, printDeadlines)
}

// printDeadlines prints the words that 'deadlines fire' takes.
func printDeadlines(out io.Writer, list adminapi.DeadlineList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tIN\tPROCESS\tINSTANCE\tNAME\tSETTING")
	for _, d := range list.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.At.Format(time.RFC3339), time.Until(d.At).Round(time.Second),
			strings.TrimPrefix(d.Category, core.ProcessCategoryPrefix), d.ID, processes.DeadlineName(d.Name), d.Setting)
	}
	return w.Flush()
}
