package tool

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newList completes a command that requests a list from an admin port, and prints it for people or as JSON. query returns the
// parameters from the command's own flags.
func newList[T any](command *cobra.Command, admin *adminPort, path string, query func() url.Values, human func(io.Writer, T) error) *cobra.Command {
	var output string
	var limit int
	command.Args = cobra.NoArgs
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		parameters := query()
		parameters.Set("limit", fmt.Sprint(limit))
		var list T
		if err := admin.get(cmd.Context(), path+"?"+parameters.Encode(), &list); err != nil {
			return err
		}
		return printAs(output, cmd.OutOrStdout(), list, human)
	}
	command.Flags().IntVar(&limit, "limit", 100, "maximum number of entries")
	outputFlag(command.Flags(), &output)
	return command
}

// outputFlag adds the flag --output.
func outputFlag(flags *pflag.FlagSet, output *string) {
	flags.StringVarP(output, "output", "o", "human", "human or json")
}

// printAs prints a list in the format of the flag --output: see [outputFlag].
func printAs[T any](output string, out io.Writer, list T, human func(io.Writer, T) error) error {
	switch output {
	case "json":
		return json.NewEncoder(out).Encode(list)
	case "human":
		return human(out, list)
	}
	return fmt.Errorf("--output is %q, it may be human or json", output)
}
