package platform

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/orchestrix-go/orchestrix/shared/httpapi"
	"github.com/orchestrix-go/orchestrix/shared/tracing"
)

// loopback carries requests to the API of the service inside the process. An answer is complete before it is returned: the
// bodies of the platform are bounded, and further routes can't be reached here.
type loopback struct {
	service string
	api     atomic.Pointer[http.Handler] // nil before the service has one
}

func (l *loopback) connect(api http.Handler) { l.api.Store(&api) }

// RoundTrip implements [http.RoundTripper]. It runs the handler on the goroutine of the caller.
func (l *loopback) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // only read from
	}
	api := l.api.Load()
	if api == nil && (l.service == CommandUser || l.service == QueryUser) {
		return nil, fmt.Errorf("the API of the %s service has not started: send requests from handlers and parts, not before they run", l.service)
	}
	if api == nil {
		return nil, fmt.Errorf("the %s service has no HTTP API: only the command and the query service have one", l.service)
	}
	received, err := inbound(r)
	if err != nil {
		return nil, err
	}
	w := &recorder{header: http.Header{}, head: r.Method == http.MethodHead}
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, fmt.Errorf("%s %s: the handler broke off: %v", r.Method, r.URL.Path, p)
		}
	}()
	(*api).ServeHTTP(w, received)
	return w.answer(r), nil
}

// inbound makes the request that a server would have received. The body is read before, so that it occupies no handler.
func inbound(r *http.Request) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.URL, in.RequestURI, in.RemoteAddr = target, r.URL.RequestURI(), "127.0.0.1:0"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.Body, in.ContentLength, in.TransferEncoding = http.NoBody, 0, nil
	if in.Host == "" {
		in.Host = "localhost"
	}
	if trace := tracing.FromContext(r.Context()); trace.Parent != "" && in.Header.Get("traceparent") == "" {
		in.Header.Set("traceparent", trace.Parent)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return in, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, httpapi.DefaultMaxBody+1)) // the API refuses what is longer
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return in, nil
}

// recorder is the writer of an answer that stays in the process.
type recorder struct {
	header http.Header
	sent   http.Header // a copy of header at the first write
	status int
	head   bool
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.head {
		return len(p), nil
	}
	return w.body.Write(p)
}

func (w *recorder) answer(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}
}
