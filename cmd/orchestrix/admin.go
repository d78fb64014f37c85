package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// getAdmin asks a service's admin port.
func getAdmin(ctx context.Context, url, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("--admin-url: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no admin port at %s: start one with 'orchestrix dev', or name another with --admin-url: %w", url, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s%s: %w", url, path, err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := problemText(body)
		return fmt.Errorf("%s%s: status %d: %s", url, path, response.StatusCode, text)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s%s is not a projection service's answer: %w", url, path, err)
	}
	return nil
}
