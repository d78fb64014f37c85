package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"orchestrix/shared/clip"
	"orchestrix/shared/es"
)

const (
	maxFailureText = 2000 // of one message, in bytes
	maxCauses      = 16
)

// newFailure describes why a view could not apply an event; nil where there is no error.
func newFailure(view *es.ViewType, s *step, err error) *es.Failure {
	if err == nil {
		return nil
	}
	causes := causesOf(err)
	return &es.Failure{
		Message: causes[0], Causes: causes, Group: groupOf(view.Name, s.name, causes[len(causes)-1]),
	}
}

// causesOf are the messages of an error and of what it wraps, from the outermost.
func causesOf(err error) (causes []string) {
	for pending := []error{err}; len(pending) > 0 && len(causes) < maxCauses; {
		err, pending = pending[0], pending[1:]
		causes = append(causes, clip.Text(printable(err.Error()), maxFailureText))
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

// printable is what every store takes of a text that may come from anywhere: it may be a part of what could not be read.
func printable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// varying is what differs between two failures of one kind: numbers, and what stands in quotes.
var varying = regexp.MustCompile(`"[^"]*"|[0-9]+`)

// groupOf names the kind of a failure: the same view, event and cause.
func groupOf(view, event, cause string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", view, event, varying.ReplaceAllString(cause, "#")))
	return hex.EncodeToString(sum[:6])
}
