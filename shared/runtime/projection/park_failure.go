package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

const (
	maxFailureText = 2000 // of one message, in bytes
	maxCauses      = 16
)

// newFailure describes why a view could not apply an event; nil if err is nil.
func newFailure(view *core.ViewType, s *Step, err error) *port.Failure {
	if err == nil {
		return nil
	}
	causes := causesOf(err)
	return &port.Failure{
		Message: causes[0], Causes: causes, Group: groupOf(view.Name, s.name, causes[len(causes)-1]),
	}
}

// causesOf returns the messages of an error and of the errors that it wraps, from the outermost.
func causesOf(err error) (causes []string) {
	for pending := []error{err}; len(pending) > 0 && len(causes) < maxCauses; {
		err, pending = pending[0], pending[1:]
		causes = append(causes, printable(clip.Text(err.Error(), maxFailureText)))
		switch wrapper := err.(type) { //nolint:errorlint // it is unwrapped here
		case interface{ Unwrap() error }:
			if inner := wrapper.Unwrap(); inner != nil {
				pending = append(pending, inner)
			}
		case interface{ Unwrap() []error }:
			pending = append(pending, wrapper.Unwrap()...)
		}
	}
	return causes
}

// printable replaces what some store rejects in a text. The text may be a part of data that could not be read.
func printable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// varying matches what differs between two failures of one kind: numbers and quoted text.
var varying = regexp.MustCompile(`"[^"]*"|[0-9]+`)

// groupOf returns the same id for failures with the same view, event type and cause.
func groupOf(view, event, cause string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", view, event, varying.ReplaceAllString(cause, "#")))
	return hex.EncodeToString(sum[:6])
}
