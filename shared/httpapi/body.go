package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// maxBodyTime is the time limit for reading a body: a slow client must not occupy the server for longer.
const maxBodyTime = 10 * time.Second

func (s *server) maxBodyTime() time.Duration { return min(maxBodyTime, s.options.RequestTimeout) }

// readBody reads the JSON body of a command.
func (s *server) readBody(r *http.Request) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	if r.ContentLength > s.options.MaxBody {
		return nil, s.tooLarge()
	}
	body, err := readAll(r.Body, r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, errOverloaded):
		return nil, errOverloaded
	case errors.As(err, &tooLarge):
		return nil, s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.BodyTimeout.Errorf("the body did not arrive within %s", s.maxBodyTime())
	}
	return nil, problem.BadRequest.Errorf("the body ends too early or is not well framed")
}

// preallocated is the maximum Content-Length, in bytes, for which memory is allocated before the body arrives. Memory for a
// larger body is allocated as it arrives: a client must not cost memory by a header alone.
const preallocated = 16 << 10

// readAll reads a body. A negative length is unknown.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > preallocated {
		return io.ReadAll(body)
	}
	all := make([]byte, length)
	_, err := io.ReadFull(body, all)
	return all, err
}

func (s *server) tooLarge() error {
	return problem.BodyTooLarge.Errorf("the body has more than %d bytes", s.options.MaxBody)
}

// checkContentType accepts JSON in UTF-8, and no type if there is no body.
func checkContentType(r *http.Request) error {
	header := r.Header.Values("Content-Type")
	if len(header) == 0 && r.ContentLength == 0 || len(header) == 1 && header[0] == "application/json" {
		return nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return problem.NotJSON.Errorf("a compressed body is not accepted: omit Content-Encoding")
	}
	if len(header) == 1 {
		kind, params, err := mime.ParseMediaType(header[0])
		charset, other := params["charset"], len(params)
		if charset != "" {
			other--
		}
		if err == nil && kind == "application/json" && other == 0 && (charset == "" || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return problem.NotJSON.Errorf("Content-Type must be application/json, with no charset but utf-8")
}
