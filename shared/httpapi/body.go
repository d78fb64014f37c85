package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxBodyTime is how long the body of a command may take to come in: a slow client holds its place for no
// longer.
const maxBodyTime = 10 * time.Second

// readBody reads the JSON body of a command.
func (s *server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	if r.ContentLength > s.options.MaxBody {
		return nil, s.tooLarge()
	}
	// The server takes the deadline away when the body has come to its end; after a failure it must stay, or the
	// server would wait for the rest. Not every writer can set one.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(min(maxBodyTime, s.options.RequestTimeout)))
	expected := s.places.expect(w)
	body, err := readAll(http.MaxBytesReader(w, r.Body, s.options.MaxBody), r.ContentLength)
	var tooLarge *http.MaxBytesError
	switch kept := s.places.arrived(expected); {
	case !kept:
		return nil, overloaded.because(overloaded.detail)
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, bodyTimeout.because("the body did not come in within " + min(maxBodyTime, s.options.RequestTimeout).String())
	}
	return nil, badRequest.because("the body ends too early or is not well framed")
}

// usualBody is for how many bytes there is memory as soon as a client says that they are to come. For a larger body there is
// when it comes: a client that only says so must not cost more.
const usualBody = 16 << 10

// readAll reads a body, whose length is negative where it is not known.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > usualBody {
		return io.ReadAll(body)
	}
	all := make([]byte, length)
	_, err := io.ReadFull(body, all)
	return all, err
}

func (s *server) tooLarge() error {
	return bodyTooLarge.because(fmt.Sprintf("the body has more than %d bytes", s.options.MaxBody))
}

// checkContentType takes JSON in UTF-8, and no type where there is no body.
func checkContentType(r *http.Request) error {
	header := r.Header.Values("Content-Type")
	if len(header) == 0 && r.ContentLength == 0 || len(header) == 1 && header[0] == "application/json" {
		return nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return notJSON.because("a compressed body is not taken: leave out Content-Encoding")
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
	return notJSON.because("Content-Type must be application/json, with no charset but utf-8")
}
