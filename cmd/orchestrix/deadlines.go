package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orchestrix/services"
)

func newDeadlines() *cobra.Command {
	var admin adminPort
	var category, id, output string
	var limit int
	command := &cobra.Command{
		Use:   "deadlines",
		Short: "List the deadlines that processes wait for, soonest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"category": {category}, "id": {id}, "limit": {fmt.Sprint(limit)}}
			var list services.DeadlineList
			if err := admin.get(cmd.Context(), "/deadlines?"+query.Encode(), &list); err != nil {
				return err
			}
			switch output {
			case "json":
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			case "human":
				return printDeadlines(cmd.OutOrStdout(), list)
			}
			return fmt.Errorf("--output is %q, it may be human or json", output)
		},
	}
	flags := command.Flags()
	admin.flag(flags)
	flags.StringVar(&category, "category", "", "only those of this category of instances: process-transfer")
	flags.StringVar(&id, "id", "", "only those of the instance of this id")
	flags.IntVar(&limit, "limit", 100, "at most so many")
	flags.StringVarP(&output, "output", "o", "human", "human or json")
	return command
}

func printDeadlines(out io.Writer, list services.DeadlineList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tIN\tINSTANCE\tNAME\tSETTING")
	for _, d := range list.Items {
		fmt.Fprintf(w, "%s\t%s\t%s-%s\t%s\t%s\n",
			d.At.Format(time.RFC3339), time.Until(d.At).Round(time.Second), d.Category, d.ID, d.Name, d.Setting)
	}
	return w.Flush()
}
