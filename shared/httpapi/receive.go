package httpapi

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// received is the body of a request while it arrives: it has a maximum size and a time limit, takes its size from the budget of
// bytes, and is interrupted if it delays other requests.
type received struct {
	io.ReadCloser
	server   *server
	transfer transfer
	size     int64
	started  atomic.Bool // with the first read; a wrapper that gives up leaves a handler that reads
}

// receive bounds the body of a request. The caller must call release at the end of the request.
func (s *server) receive(w http.ResponseWriter, r *http.Request) (release func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() {} // a deadline would end the request: net/http reads from the connection already
	}
	b := &received{ReadCloser: http.MaxBytesReader(w, r.Body, s.options.MaxBody), server: s, transfer: transfer{w: w}}
	r.Body = b
	return func() {
		s.admission.finish(&b.transfer)
		s.admission.giveBack(&b.transfer)
	}
}

func (b *received) Read(p []byte) (int, error) {
	a := b.server.admission
	if b.started.CompareAndSwap(false, true) {
		// net/http resets the deadline when the body has been read. After a failure the deadline must stay, or the server would
		// wait for the rest of the body. Not every writer supports deadlines.
		_ = http.NewResponseController(b.transfer.w).SetReadDeadline(time.Now().Add(b.server.maxBodyTime()))
		a.start(&b.transfer)
	}
	n, err := b.ReadCloser.Read(p)
	counted := max(b.size, free)
	b.size += int64(n)
	if more := b.size - counted; more > 0 && !a.take(&b.transfer, more) {
		a.finish(&b.transfer)
		return n, errOverloaded
	}
	if err != nil && !a.finish(&b.transfer) {
		return n, errOverloaded
	}
	return n, err
}
