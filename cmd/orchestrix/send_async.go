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

	"github.com/cenkalti/backoff/v5"

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
		return nil, backoff.Permanent(err)
	}
	if s.decided(l, outcome, true) {
		return nil, nil
	}
	return &promise{line: l, location: response.Header.Get("Location")}, nil
}

// await asks for the outcome of a command until it is decided.
func (s *sender) await(ctx context.Context, p *promise) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 20*time.Millisecond, time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, s.ask(ctx, p) },
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(s.patience))
	return err
}

// ask asks once. It returns an error where the command is not decided, or the service does not say.
func (s *sender) ask(ctx context.Context, p *promise) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.url, "/")+p.location, nil)
	if err != nil {
		return backoff.Permanent(err)
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
			return backoff.Permanent(err)
		}
		return err
	}
	outcome, err := decodeOutcome(body)
	if err != nil {
		return backoff.Permanent(err)
	}
	if !s.decided(p.line, outcome, false) {
		return errors.New("it is still pending")
	}
	return nil
}

func decodeOutcome(body []byte) (o runtime.Outcome, err error) {
	if err = json.Unmarshal(body, &o); err != nil || o.Status == "" {
		return o, fmt.Errorf("the answer is not a command service's: %.200s", body)
	}
	return o, nil
}

// decided reports an outcome, where there is one. A command that only an operator can bring further is not waited for.
func (s *sender) decided(l line, o runtime.Outcome, before bool) bool {
	switch {
	case o.Status == runtime.Accepted:
		s.report.accept(before)
	case o.Status == runtime.Rejected:
		text, _ := problemText(o.Problem)
		s.report.reject(l.number, "%s %s: %s", l.stream(), l.Command, text)
	case o.Code == runtime.CodeDeadLetter:
		s.report.fail(l.number, "%s %s is a dead letter: %s", l.stream(), l.Command, o.Detail)
	default:
		return false
	}
	return true
}
