package tool

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// services are the services that have an admin port.
var services = []string{"command", "query", "projection", "process"}

func newLogLevel(dev *devFinder) *cobra.Command {
	admin := adminPort{dev: dev}
	command := &cobra.Command{
		Use:   "log-level [debug|info|warn|error]",
		Short: "Show the level of a service's log, or change it until the service ends",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(services, admin.service) {
				return fmt.Errorf("--service is %q, it may be %s", admin.service, strings.Join(services, ", "))
			}
			method, body := http.MethodGet, map[string]string(nil)
			if len(args) == 1 {
				method, body = http.MethodPut, map[string]string{"level": args[0]}
			}
			var answer struct {
				Level string `json:"level"`
			}
			if err := admin.request(cmd.Context(), method, "/log-level", body, &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.ToLower(answer.Level))
			return err
		},
	}
	admin.flag(command.Flags())
	command.Flags().StringVar(&admin.service, "service", "command", "the service whose default admin port is used: "+strings.Join(services, ", ")+"; dev has one for all")
	return command
}
