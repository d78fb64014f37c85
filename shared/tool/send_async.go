package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/retry"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// maxPending is the maximum number of pending commands of a worker. At the limit, the worker waits for the oldest.
const maxPending = 256

// pendingCommand is an asynchronous command whose result is not known.
type pendingCommand struct {
	line
	location string // path of its status
}

// readAccepted reads the 202 of an asynchronous command. If the status is final, the command was sent before: readAccepted
// reports the result, and returns no pending command.
func (s *sender) readAccepted(l line, response *http.Response, body []byte) (*pendingCommand, error) {
	status, err := decodeStatus(body)
	if err != nil {
		return nil, retry.Permanent(err)
	}
	if s.reportResult(l, status, true) {
		return nil, nil
	}
	return &pendingCommand{line: l, location: response.Header.Get("Location")}, nil
}

// awaitResult polls the status of a command until it is final.
func (s *sender) awaitResult(ctx context.Context, p *pendingCommand) error {
	policy := retry.Policy{First: 20 * time.Millisecond, Max: time.Second, Budget: s.patience}
	_, err := retry.Do(ctx, policy, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.poll(ctx, p) })
	return err
}

// poll requests the status once. It returns an error if the status is pending or unknown.
func (s *sender) poll(ctx context.Context, p *pendingCommand) error {
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
	status, err := decodeStatus(body)
	if err != nil {
		return retry.Permanent(err)
	}
	if !s.reportResult(p.line, status, false) {
		return errors.New("it is still pending")
	}
	return nil
}

func decodeStatus(body []byte) (o runtime.AsyncStatus, err error) {
	if err = json.Unmarshal(body, &o); err != nil || o.State == "" {
		return o, fmt.Errorf("the answer is not a command service's: %.200s", body)
	}
	return o, nil
}

// reportResult counts the result of a command in the report, and returns false if there is no result yet. A dead letter counts
// as a result: only an operator can retry it.
func (s *sender) reportResult(l line, o runtime.AsyncStatus, before bool) bool {
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
