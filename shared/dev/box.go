package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/redact"
)

// box is what dev prints when the platform is ready.
type box struct {
	local.Instance
	trial  trial
	hidden bool // the tool finds another dev of the program
}

func (b box) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b.Addresses)
	}
	_, err := fmt.Fprintf(out, `
  %[1]s is ready.

  commands   %[2]s    docs %[2]s/docs
  queries    %[3]s    docs %[3]s/docs
  health     %[8]s
  admin      %[4]s
%[5]s%[6]s
%[7]s
  Ctrl-C stops it.

`, b.title(), b.CommandURL, b.QueryURL, b.AdminURL, b.backends(), b.tool(), b.trial.text(b.CommandURL, b.QueryURL), b.HealthURL)
	return err
}

// title is the name of the program at the beginning of a sentence.
func (b box) title() string { return strings.ToUpper(b.Program[:1]) + b.Program[1:] }

// tool returns the line on how the tool finds this dev, where that takes a flag.
func (b box) tool() string {
	if !b.hidden {
		return ""
	}
	how := "the URLs above"
	if b.DataDir != "" {
		how = "--" + local.FlagDataDir + " " + b.DataDir
	}
	return "  tool       needs " + how + ": without it, it finds another dev of this program\n"
}

// backends returns the lines with the addresses of NATS and Postgres, and the directories of the data.
func (b box) backends() string {
	if b.DataDir == "" {
		return "  data       in memory: lost at the end\n"
	}
	text := fmt.Sprintf("  Postgres   %s\n  data       %s\n", redact.Text(b.DatabaseURL), b.DataDir)
	if b.PostgresDir != "" && b.PostgresDir != filepath.Join(b.DataDir, "postgres") {
		text += fmt.Sprintf("             %s, of Postgres, whose user may not enter the other\n", b.PostgresDir)
	}
	if b.NATSURL == "" {
		return text + "  processes  none: they need the message bus, which a log in Postgres does not have\n"
	}
	return "  NATS       " + b.NATSURL + "\n" + text
}
