package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/retry"
)

// sender posts lines to the command service.
type sender struct {
	url         string
	concurrency int
	async       bool // poll for the results
	patience    time.Duration
	progress    func()

	client *http.Client
	report *report
}

// send posts every line. Each aggregate belongs to one worker, which sends its commands in order. The
// worker stops at the first command that can't be delivered: later commands may depend on it.
func (s *sender) send(ctx context.Context, input io.Reader) (*report, error) {
	started := time.Now()
	s.report = &report{}
	defer func() { s.report.took = time.Since(started) }()
	s.client = &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: s.concurrency, MaxConnsPerHost: s.concurrency},
	}
	defer s.client.CloseIdleConnections()

	workers, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan line, s.concurrency)
	for i := range lanes {
		lanes[i] = make(chan line, 16)
		workers.Go(func() error { return s.work(ctx, lanes[i]) })
	}
	readErr := s.read(ctx, input, lanes)
	for _, lane := range lanes {
		close(lane)
	}
	return s.report, errors.Join(readErr, workers.Wait())
}

// read hands each line to the worker of its aggregate.
func (s *sender) read(ctx context.Context, input io.Reader, lanes []chan line) error {
	p := parser{seen: map[string]int{}}
	for raw, err := range readLines(input) {
		if err != nil {
			return err
		}
		l, err := p.parse(raw)
		if err != nil {
			s.report.fail(raw.number, "%v", err)
			s.progress()
			continue
		}
		hash := fnv.New32a()
		_, _ = io.WriteString(hash, l.stream().Path())
		select {
		case lanes[hash.Sum32()%uint32(len(lanes))] <- l:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// work posts the lines of a lane, and then waits for the results of the asynchronous ones.
func (s *sender) work(ctx context.Context, lane <-chan line) error {
	var pending []*pendingCommand // oldest first: it usually ends first
	for l := range lane {
		if ctx.Err() != nil {
			return nil
		}
		sent, err := s.deliver(ctx, l)
		if err != nil {
			return s.stop(ctx, l, "could not be delivered", err)
		}
		if sent == nil {
			s.progress()
			continue
		}
		if pending = append(pending, sent); len(pending) == maxPending {
			if err := s.finish(ctx, pending[0]); err != nil {
				return err
			}
			pending = pending[1:]
		}
	}
	for _, sent := range pending {
		if err := s.finish(ctx, sent); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for the result of a pending command.
func (s *sender) finish(ctx context.Context, p *pendingCommand) error {
	if err := s.awaitResult(ctx, p); err != nil {
		return s.stop(ctx, p.line, "was accepted, but has no result", err)
	}
	s.progress()
	return nil
}

// stop reports the line that ends its worker, unless the worker was cancelled.
func (s *sender) stop(ctx context.Context, l line, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	s.report.fail(l.number, "%s %s %s: %v", l.stream(), l.Command, what, err)
	return fmt.Errorf("stopped at line %d: is the command service running at %s? Send the same file again to continue", l.number, s.url)
}

// deliver posts the line until the service has answered. It returns a pending command if the result is not known yet.
func (s *sender) deliver(ctx context.Context, l line) (*pendingCommand, error) {
	return retry.Do(ctx, retry.Policy{First: 500 * time.Millisecond, Max: time.Minute, Budget: s.patience},
		func(ctx context.Context) (*pendingCommand, error) { return s.post(ctx, l) })
}

// maxAnswer is the maximum size of an answer, in bytes.
const maxAnswer = 64 << 10

// post sends the line once. It returns an error if the service has not accepted the command: it may be sent again.
func (s *sender) post(ctx context.Context, l line) (*pendingCommand, error) {
	path := "/v1/commands/" + url.PathEscape(l.Category) + "/" + url.PathEscape(l.ID) + "/" + url.PathEscape(l.Command)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.url, "/")+path, bytes.NewReader(l.Data))
	if err != nil {
		return nil, retry.Permanent(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", l.CommandID)
	if s.async {
		request.Header.Set("Prefer", "respond-async")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		s.report.accept(response.Header.Get("Orchestrix-Repeated") == "true")
		return nil, nil
	case status == http.StatusAccepted:
		return s.readAccepted(l, response, body)
	case status >= 500, status == http.StatusConflict, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		text, _ := problemText(body)
		return nil, fmt.Errorf("status %d: %s", status, text)
	}
	text, ok := problemText(body)
	if !ok || strings.HasPrefix(text, problem.UnknownRoute.Code+":") { // another server, or another service of the platform
		return nil, retry.Permanent(fmt.Errorf("status %d, and the answer is not a command service's: %s", response.StatusCode, text))
	}
	s.report.reject(l.number, "%s %s: status %d: %s", l.stream(), l.Command, response.StatusCode, text)
	return nil, nil
}
