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
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/adminapi"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// adminPort is the admin port of a service, or that of dev, which is of all services.
type adminPort struct {
	service   string // whose default address is used
	url       string // of the flag; empty: see address
	tokenFile string // of the flag; empty: see token
	dev       *devFinder
}

// flag adds the flags of the address.
func (a *adminPort) flag(flags *pflag.FlagSet) {
	which, otherwise := "of the "+a.service+" service", service.DefaultAdminURL(a.service)
	if a.service == "" {
		which, otherwise = "of the service", "that of the service on this machine"
	}
	flags.StringVar(&a.url, "admin-url", "", "admin port "+which+" (default: ORCHESTRIX_ADMIN_URL, or the dev that runs, or "+otherwise+")")
	flags.StringVar(&a.tokenFile, "admin-token-file", "", "file with your token for admin ports, as name:token (default: that of the dev that is asked, or ORCHESTRIX_ADMIN_TOKEN_FILE)")
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
		return "", fmt.Errorf("the address of the admin port is %q: --admin-url and ORCHESTRIX_ADMIN_URL must be like http://command:9180, or http://%s:9180 for any service", address, serviceInURL)
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
	if err := a.authorize(request, address); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no admin port at %s: start one with '%s dev', name another with --admin-url, or give the service an ORCHESTRIX_ADMIN_TOKEN_FILE: %w", address, a.dev.program, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	answer, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s%s: %w", address, path, err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := problemText(answer)
		if response.StatusCode == http.StatusUnauthorized {
			text += "; name the file of your token with --admin-token-file or ORCHESTRIX_ADMIN_TOKEN_FILE"
		}
		return fmt.Errorf("%s (status %d of %s%s)", text, response.StatusCode, address, path)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s%s is not the answer of a service: %w", address, path, err)
	}
	return nil
}

// authorize adds the token to a request. The token of dev goes to the admin port of dev alone.
func (a *adminPort) authorize(r *http.Request, address string) error {
	file := a.tokenFile
	if file == "" {
		found, err := a.dev.find()
		if err == nil && found != nil && found.AdminURL == address {
			r.Header.Set("Authorization", "Bearer "+found.AdminToken)
			return nil
		}
		file = os.Getenv("ORCHESTRIX_ADMIN_TOKEN_FILE")
	}
	if file == "" {
		return nil // the answer says what is missing
	}
	tokens, err := adminapi.TokenFile(file)()
	if err != nil {
		return fmt.Errorf("the token for the admin port: %w", err)
	}
	for _, t := range tokens {
		if t.Secret != "" {
			r.Header.Set("Authorization", "Bearer "+t.Secret)
			return nil
		}
	}
	return fmt.Errorf("%s has digests of tokens, as a service needs them, and no token: name the file of an operator", file)
}

// actionFlags adds the flag that says why a change is asked for. The token says who asks.
func actionFlags(flags *pflag.FlagSet, action *adminapi.ActionRequest) {
	flags.StringVar(&action.Reason, "reason", "", "why; recorded")
}
