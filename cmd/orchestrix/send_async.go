package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"orchestrix/shared/retry"
	"orchestrix/shared/runtime"
)

// maxPromised is how many accepted commands of a worker may be pending. Then it waits for the oldest.
const maxPromised = 256

// promise is a command that the service has taken for later.
type promise struct {
	line
	location string // of its outcome, from the service's root
}

// taken reads the answer to a command that was sent for later. It reports an outcome that is known already: then the
// command was sent before, and there is nothing to wait for.
func (s *sender) taken(l line, response *http.Response, body []byte) (*promise, error) {
	outcome, err := decodeOutcome(body)
	if err != nil {
		return nil, retry.Permanent(err)
	}
	if s.decided(l, outcome, true) {
		return nil, nil
	}
	return &promise{line: l, location: response.Header.Get("Location")}, nil
}

// await asks for the outcome of a command until it is decided.
func (s *sender) await(ctx context.Context, p *promise) error {
	policy := retry.Policy{First: 20 * time.Millisecond, Max: time.Second, Budget: s.patience}
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.ask(ctx, p) })
	return err
}

// ask asks once. It returns an error where the command is not decided, or the service does not say.
func (s *sender) ask(ctx context.Context, p *promise) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.url, "/")+p.location, nil)
	if err != nil {
		return retry.Permanent(err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		text, _ := problemText(body)
		err := fmt.Errorf("status %d: %s", response.StatusCode, text)
		if response.StatusCode < 500 {
			return retry.Permanent(err)
		}
		return err
	}
	outcome, err := decodeOutcome(body)
	if err != nil {
		return retry.Permanent(err)
	}
	if !s.decided(p.line, outcome, false) {
		return errors.New("it is still pending")
	}
	return nil
}

func decodeOutcome(body []byte) (o runtime.AsyncStatus, err error) {
	if err = json.Unmarshal(body, &o); err != nil || o.State == "" {
		return o, fmt.Errorf("the answer is not a command service's: %.200s", body)
	}
	return o, nil
}

// decided reports an outcome, where there is one. A command that only an operator can bring further is not waited for.
func (s *sender) decided(l line, o runtime.AsyncStatus, before bool) bool {
	switch {
	case o.State == runtime.Accepted:
		s.report.accept(before)
	case o.State == runtime.Rejected:
		text, _ := problemText(o.Problem)
		s.report.reject(l.number, "%s %s: %s", l.stream(), l.Command, text)
	case o.Code == runtime.CodeDeadLetter:
		s.report.fail(l.number, "%s %s is a dead letter: %s", l.stream(), l.Command, o.Detail)
	default:
		return false
	}
	return true
}
