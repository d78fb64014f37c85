package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orchestrix/services"
)

const defaultAdminURL = "http://127.0.0.1:9082"

func newProjections() *cobra.Command {
	var url, output string
	var partitions bool
	command := &cobra.Command{
		Use:   "projections",
		Short: "List the views with their position and lag",
		Long: `List the views with their position and lag, as the projection service knows them.

Lag is how many commits the log holds that the view does not, and for how long the oldest of them has been there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list services.ProjectionList
			if err := getAdmin(cmd.Context(), url, "/projections", &list); err != nil {
				return err
			}
			switch output {
			case "json":
				return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
			case "human":
				return printProjections(cmd.OutOrStdout(), list, partitions)
			}
			return fmt.Errorf("--output is %q, it may be human or json", output)
		},
	}
	flags := command.Flags()
	flags.StringVar(&url, "admin-url", fromEnv("ORCHESTRIX_ADMIN_URL", defaultAdminURL), "admin port of the projection service, or of dev (ORCHESTRIX_ADMIN_URL)")
	flags.BoolVar(&partitions, "partitions", false, "one line for each partition")
	flags.StringVarP(&output, "output", "o", "human", "human or json")
	return command
}

func printProjections(out io.Writer, list services.ProjectionList, partitions bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tVERSION\tPOSITION\tLAG\tBEHIND\tSTATE")
	for _, view := range list.Items {
		if !partitions {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\n", view.View, view.Version, view.Positions(), view.Lag, seconds(view.LagSeconds), view.State)
			continue
		}
		for _, p := range view.Partitions {
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\n", view.View, view.Version, p.Position, p.Lag, seconds(p.LagSeconds), p.State)
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

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}
