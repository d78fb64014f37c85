package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const defaultCommandURL = "http://127.0.0.1:8080"

func newSend(dev *devFinder) *cobra.Command {
	s, url := sender{}, ""
	command := &cobra.Command{
		Use:   "send FILE|-",
		Short: "Send commands from a file, one JSON object a line",
		Long: `Send commands from a file, or from standard input with '-', one JSON object a line:

  {"category": "order", "id": "10248", "command": "ship", "command_id": "c-1", "data": {…}}

Commands to the same aggregate are sent in the order of the file, others concurrently. A command that can't be
delivered is sent again under its id, so that it is executed once, also if the same file is sent again. A line without
command_id gets an id that is derived from its content.

With --async the service accepts the commands for asynchronous processing (202), and their results are polled
afterwards. Accepted commands survive a restart of the service.

The exit status is 0 when every line was delivered, whether it was accepted or rejected.`,
		Example: dev.example("send commands.ndjson") + "\n  generate | " + dev.program + " send - --concurrency 64",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if s.url, err = dev.url(url, "ORCHESTRIX_COMMAND_URL", commandURL, defaultCommandURL); err != nil {
				return err
			}
			return send(cmd.Context(), &s, args[0], cmd.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&url, "command-url", "", "URL of the command service (default: ORCHESTRIX_COMMAND_URL, or the dev that runs, or "+defaultCommandURL+")")
	dev.flag(flags)
	flags.IntVar(&s.concurrency, "concurrency", 16, "maximum number of commands in flight, 1 to 1024")
	flags.BoolVar(&s.async, "async", false, "send the commands asynchronously, and poll for their results")
	flags.DurationVar(&s.patience, "retry-for", time.Minute, "time limit for retrying a command while the service is unavailable, and for polling its result")
	return command
}

func send(ctx context.Context, s *sender, path string, out io.Writer) error {
	if s.concurrency < 1 || s.concurrency > 1024 {
		return fmt.Errorf("--concurrency is %d, it may be 1 to 1024", s.concurrency)
	}
	input, total, err := openLines(path)
	if err != nil {
		return err
	}
	defer input.Close() //nolint:errcheck // only read from
	bar := newBar(total)
	s.progress = func() { _ = bar.Add(1) }
	report, err := s.send(ctx, input)
	_ = bar.Exit()
	report.print(out)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errors.New("interrupted: send the same file again to continue")
	case report.failed > 0:
		return ErrReported
	}
	return nil
}

// openLines opens the file and counts its lines; -1 if they can't be counted beforehand.
func openLines(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), -1, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("can't read the commands: %w", err)
	}
	lines, err := countLines(file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return file, -1, nil //nolint:nilerr // a pipe: it can be read, but once only
	}
	return file, lines, nil
}

func countLines(r io.Reader) (int64, error) {
	if file, ok := r.(*os.File); ok {
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			return 0, errors.New("not a regular file")
		}
	}
	var lines int64
	for _, err := range readLines(r) {
		if err != nil {
			return 0, err
		}
		lines++
	}
	return lines, nil
}

// newBar shows progress on a terminal and nothing elsewhere.
func newBar(total int64) *progressbar.ProgressBar {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return progressbar.DefaultSilent(total)
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("commands"), progressbar.OptionSetDescription("sending"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
