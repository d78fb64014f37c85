package service

import (
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/orchestrix-go/orchestrix/shared/observe"
	"github.com/orchestrix-go/orchestrix/shared/redact"
)

// NewLogger returns a logger that writes to out in a format: "json", "text", or "auto", which is text where
// out is a terminal. Lines have the attributes of the context, such as the request: see [observe.LogHandler]. Secrets
// are removed. Changes of level have immediate effect.
func NewLogger(out io.Writer, format string, level *slog.LevelVar) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	redacted := redact.Writer(out)
	if format == "text" || format == "auto" && isTerminal(out) {
		return slog.New(observe.LogHandler(slog.NewTextHandler(redacted, options)))
	}
	return slog.New(observe.LogHandler(slog.NewJSONHandler(redacted, options)))
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(strings.ToUpper(text)))
	return level, err
}
