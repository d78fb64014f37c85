package estest

import (
	"io"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// PlatformOf is [Platform] whose failures go to report.
func PlatformOf(t *testing.T, report testing.TB, modules ...es.Module) *Running {
	t.Helper()
	return newRunning(t, report, io.Discard, modules)
}
