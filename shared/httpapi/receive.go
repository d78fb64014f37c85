package httpapi

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// received is the body of a request while it arrives: it has a maximum size and a time limit, and is interrupted if it delays
// other requests.
type received struct {
	io.ReadCloser
	server  *server // nil: there is no body to wait for
	arrival arrival
	started atomic.Bool // with the first read; a wrapper that gives up leaves a handler that reads
}

// receive returns the bounded body of a request. The caller must end it.
func (s *server) receive(w http.ResponseWriter, r *http.Request) *received {
	if b, ok := r.Body.(*received); ok {
		return b
	}
	if r.Body == http.NoBody {
		return &received{ReadCloser: r.Body} // a deadline would end the request: net/http reads from the connection already
	}
	return &received{ReadCloser: http.MaxBytesReader(w, r.Body, s.options.MaxBody), server: s, arrival: arrival{w: w}}
}

func (b *received) Read(p []byte) (int, error) {
	if b.server == nil {
		return b.ReadCloser.Read(p)
	}
	if b.started.CompareAndSwap(false, true) {
		// net/http resets the deadline when the body has been read. After a failure the deadline must stay, or the server would
		// wait for the rest of the body. Not every writer supports deadlines.
		_ = http.NewResponseController(b.arrival.w).SetReadDeadline(time.Now().Add(b.server.maxBodyTime()))
		b.server.admission.startBody(&b.arrival)
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.server.admission.endBody(&b.arrival)
	}
	return n, err
}

// end reports whether the body was not interrupted.
func (b *received) end() bool {
	return !b.started.Load() || b.server.admission.endBody(&b.arrival)
}
