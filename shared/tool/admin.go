package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// adminPort is the admin port of a service, or that of dev, which is of all services.
type adminPort struct {
	service string // whose default address is used
	url     string // of the flag; empty: see address
	dev     *devFinder
}

// flag adds the flags of the address.
func (a *adminPort) flag(flags *pflag.FlagSet) {
	which, otherwise := "of the "+a.service+" service", service.DefaultAdminURL(a.service)
	if a.service == "" {
		which, otherwise = "of the service", "that of the service on this machine"
	}
	flags.StringVar(&a.url, "admin-url", "", "admin port "+which+" (default: ORCHESTRIX_ADMIN_URL, or the dev that runs, or "+otherwise+")")
	a.dev.flag(flags)
}

// serviceInURL is replaced by the name of the service, where one variable serves the commands of all services.
const serviceInURL = "{service}"

// address returns the URL of the admin port.
func (a *adminPort) address() (string, error) {
	address, err := a.dev.url(a.url, "ORCHESTRIX_ADMIN_URL", adminURL, service.DefaultAdminURL(a.service))
	if err != nil {
		return "", err
	}
	address = strings.TrimSuffix(strings.ReplaceAll(address, serviceInURL, a.service), "/")
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(address, "{}") {
		return "", fmt.Errorf("the address of the admin port is %q: --admin-url and ORCHESTRIX_ADMIN_URL must be like http://command:9080, or http://%s:9080 for any service", address, serviceInURL)
	}
	return address, nil
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
	address, err := a.address()
	if err != nil {
		return err
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, address+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no admin port at %s: start one with '%s dev', or name another with --admin-url: %w", address, a.dev.program, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s%s: %w", address, path, err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := problemText(answer)
		return fmt.Errorf("%s (status %d of %s%s)", text, response.StatusCode, address, path)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s%s is not the answer of a service: %w", address, path, err)
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
