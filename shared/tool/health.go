package tool

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealth(dev *devFinder) *cobra.Command {
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "health [URL]",
		Short: "Check whether a service is ready, and fail if it is not",
		Long: `Check whether a service is ready, and fail if it is not: for the health check of a container that has no other program.
Without a URL, it checks the service of this container, whose health port is ORCHESTRIX_HEALTH_ADDR, or the dev that runs.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var url string
			if len(args) == 1 {
				url = args[0]
			} else {
				var err error
				if url, err = ownHealth(dev, fromEnv("ORCHESTRIX_HEALTH_ADDR", "")); err != nil {
					return err
				}
			}
			return askHealth(cmd.Context(), url, timeout, cmd.OutOrStdout())
		},
	}
	command.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "time limit of the request")
	dev.flag(command.Flags())
	return command
}

// ownHealth returns the URL of the readiness of a service whose health port listens on addr, or of the dev that runs.
func ownHealth(dev *devFinder, addr string) (string, error) {
	if addr == "" {
		found, err := dev.find()
		if err != nil {
			return "", err
		}
		if found != nil {
			return found.HealthURL + "/readyz", nil
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("no dev runs, and ORCHESTRIX_HEALTH_ADDR is %q: start one with '%s dev', name a URL, or set ORCHESTRIX_HEALTH_ADDR to host:port of the service's health port", addr, dev.program)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}

const maxHealthText = 4 << 10

func askHealth(ctx context.Context, url string, timeout time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%q is not a URL: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(response.Body, maxHealthText))
	if err != nil {
		return fmt.Errorf("not healthy: %s: %w", url, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("not healthy: status %d of %s: %s", response.StatusCode, url, strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprintln(out, strings.TrimSpace(string(text)))
	return err
}
