package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newList makes of command one that asks an admin port for a list at a path, and prints it for people or as JSON. query is
// what the command's own flags ask for.
func newList[T any](command *cobra.Command, admin *adminPort, path string, query func() url.Values, human func(io.Writer, T) error) *cobra.Command {
	var output string
	var limit int
	command.Args = cobra.NoArgs
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		asked := query()
		asked.Set("limit", fmt.Sprint(limit))
		var list T
		if err := admin.get(cmd.Context(), path+"?"+asked.Encode(), &list); err != nil {
			return err
		}
		return printAs(output, cmd.OutOrStdout(), list, human)
	}
	command.Flags().IntVar(&limit, "limit", 100, "maximum number of entries")
	outputFlag(command.Flags(), &output)
	return command
}

func outputFlag(flags *pflag.FlagSet, output *string) {
	flags.StringVarP(output, "output", "o", "human", "human or json")
}

// printAs prints a list as the flag says that [outputFlag] has made.
func printAs[T any](output string, out io.Writer, list T, human func(io.Writer, T) error) error {
	switch output {
	case "json":
		return json.NewEncoder(out).Encode(list)
	case "human":
		return human(out, list)
	}
	return fmt.Errorf("--output is %q, it may be human or json", output)
}
