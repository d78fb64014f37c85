package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
)

const defaultAdminURL = "http://127.0.0.1:9082"

// adminPort is the admin port of a service.
type adminPort struct{ url string }

// flag adds the flag for the admin port of the projection service.
func (a *adminPort) flag(flags *pflag.FlagSet) { a.flagOf(flags, "projection") }

// flagOf adds the flag, for the admin port of a service.
func (a *adminPort) flagOf(flags *pflag.FlagSet, service string) {
	flags.StringVar(&a.url, "admin-url", fromEnv("ORCHESTRIX_ADMIN_URL", defaultAdminURL), "admin port of the "+service+" service, or of dev (ORCHESTRIX_ADMIN_URL)")
}

func (a *adminPort) get(ctx context.Context, path string, into any) error {
	return a.request(ctx, http.MethodGet, path, nil, into)
}

func (a *adminPort) post(ctx context.Context, path string, action adminapi.ActionRequest, into any) error {
	return a.request(ctx, http.MethodPost, path, action, into)
}

const adminTimeout = 70 * time.Second // longer than the time limit of any admin request

func (a *adminPort) request(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.url, "/")+path, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("--admin-url: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no admin port at %s: start one with 'orchestrix dev', or name another with --admin-url: %w", a.url, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s%s: %w", a.url, path, err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := problemText(answer)
		return fmt.Errorf("%s (status %d of %s%s)", text, response.StatusCode, a.url, path)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s%s is not the answer of a service: %w", a.url, path, err)
	}
	return nil
}

// actionFlags adds the flags that name who asks for a change, and why.
func actionFlags(flags *pflag.FlagSet, action *adminapi.ActionRequest) {
	flags.StringVar(&action.Who, "by", whoami(), "who asks for the change; recorded")
	flags.StringVar(&action.Reason, "reason", "", "why; recorded")
}

// whoami returns the user of this machine, in the form user@host.
func whoami() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
