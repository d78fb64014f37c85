package core

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Origin says who caused a commit. Each part may be empty: unknown.
type Origin struct {
	Sender    string // user of NATS, or service, that sent the command: "command", "process", or a name of its own
	Principal string // who is answerable for the command
	Actor     string // who acted for the principal
	Via       string // process instance that sent the command: "process-<name>/<id>"
	KeyID     string // key with which the request was authenticated
}

// MaxOriginPart is the maximum size of a part of an [Origin], in bytes.
const MaxOriginPart = 256

// Check returns an error that wraps [ErrBadToken] unless each part is valid UTF-8 of at most [MaxOriginPart] bytes, without
// control characters, and without space around it: the parts travel in headers of NATS.
func (o Origin) Check() error {
	for _, part := range [...]struct{ what, value string }{
		{"sender", o.Sender}, {"principal", o.Principal}, {"actor", o.Actor}, {"via", o.Via}, {"key id", o.KeyID},
	} {
		switch {
		case len(part.value) > MaxOriginPart:
			return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrBadToken, part.what, len(part.value), MaxOriginPart)
		case !utf8.ValidString(part.value) || strings.ContainsFunc(part.value, unicode.IsControl) || strings.TrimSpace(part.value) != part.value:
			return fmt.Errorf("%w: %s %q must be UTF-8 without control characters, and without space around it", ErrBadToken, part.what, part.value)
		}
	}
	return nil
}
