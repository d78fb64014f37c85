package tool

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// maxNotes is the maximum number of lines that are explained; further ones are only listed.
const maxNotes = 50

// report counts the results of the lines.
type report struct {
	mu       sync.Mutex
	accepted int
	repeated int
	rejected int // delivered and rejected
	failed   int // not delivered, or malformed
	notes    []string
	took     time.Duration
}

func (r *report) accept(repeated bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if repeated {
		r.repeated++
	} else {
		r.accepted++
	}
}

func (r *report) reject(number int, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected++
	r.note(number, "rejected", fmt.Sprintf(format, args...))
}

func (r *report) fail(number int, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	r.note(number, "failed", fmt.Sprintf(format, args...))
}

func (r *report) note(number int, what, why string) {
	switch {
	case len(r.notes) < maxNotes:
		r.notes = append(r.notes, fmt.Sprintf("line %d %s: %s", number, what, why))
	default:
		r.notes = append(r.notes, fmt.Sprintf("line %d %s", number, what))
	}
}

func (r *report) print(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, note := range r.notes {
		fmt.Fprintln(out, note)
	}
	sent := r.accepted + r.repeated + r.rejected
	fmt.Fprintf(out, "accepted %d, repeated %d, rejected %d, failed %d in %s (%.0f commands/s)\n",
		r.accepted, r.repeated, r.rejected, r.failed, r.took.Round(time.Millisecond), float64(sent)/r.took.Seconds())
}
