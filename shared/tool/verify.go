package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime/verify"
)

func newVerify(dev *devFinder, modules []es.Module) *cobra.Command {
	source := logFlags{dev: dev}
	var options verify.Options
	var output string
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check the log, and the views against the log",
		Long: `Walk the log once: the versions of each stream are contiguous, back-pointers are right, nothing is missing, no
command comes twice, and every event can be read. And fold documents of each view, and snapshots, from the log again and
compare them with Postgres. It may run while the services run. It fails if there are findings.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "human" && output != "json" {
				return fmt.Errorf("--output is %q, it may be human or json", output)
			}
			result, err := runVerify(cmd.Context(), modules, &source, options)
			if err != nil {
				return err
			}
			if output == "json" {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(verifyReport(result))
			} else {
				err = printVerified(cmd.OutOrStdout(), result)
			}
			if err == nil && result.Count > 0 {
				err = fmt.Errorf("%d findings", result.Count)
			}
			return err
		},
	}
	flags := command.Flags()
	source.register(flags)
	flags.IntVar(&options.Sample, "sample", 1000, "number of documents to compare per view, and of snapshots; 0: all")
	flags.BoolVar(&options.LogOnly, "log-only", false, "check only the log")
	flags.StringVarP(&output, "output", "o", "human", "human or json")
	return command
}

func runVerify(ctx context.Context, modules []es.Module, source *logFlags, options verify.Options) (verify.Report, error) {
	registry, err := compile.Modules(modules...)
	if err != nil {
		return verify.Report{}, err
	}
	log, closeLog, err := source.open(ctx, toolPatience)
	if err != nil {
		return verify.Report{}, err
	}
	defer closeLog()
	var views port.ViewStore
	if !options.LogOnly {
		db, err := source.database()
		if err != nil {
			return verify.Report{}, err
		}
		defer db.Close()
		views, options.Snapshots = postgres.NewViews(db), postgres.NewSnapshots(db, nil)
	}
	var finish func()
	options.Progress, finish = progress("verifying")
	defer finish()
	return verify.Run(ctx, registry, log, views, options)
}

// progress shows a bar on a terminal; otherwise it shows nothing.
func progress(title string) (report func(done, total uint64), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(uint64, uint64) {}, func() {}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(title),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish())
	report = func(done, total uint64) {
		bar.ChangeMax64(int64(max(total, 1)))
		_ = bar.Set64(int64(min(done, total))) // a bar that can't be drawn changes nothing
	}
	return report, func() { _ = bar.Finish() }
}

func printVerified(out io.Writer, v verify.Report) error {
	for _, f := range v.Findings {
		fmt.Fprintf(out, "%s: %s\n", f.Where, f.What)
	}
	if more := v.Count - len(v.Findings); more > 0 {
		fmt.Fprintf(out, "… and %d more\n", more)
	}
	for _, n := range v.Noise {
		fmt.Fprintf(out, "passed over %s\n", n.What)
	}
	if more := v.NoiseCount - len(v.Noise); more > 0 {
		fmt.Fprintf(out, "… and %d more that are no commits\n", more)
	}
	_, err := fmt.Fprintf(out, "%d commits with %d events in %d streams; %d documents compared", v.Commits, v.Events, v.Streams, v.Documents)
	if v.Snapshots > 0 {
		fmt.Fprintf(out, ", %d snapshots compared", v.Snapshots)
	}
	if v.Blocked > 0 {
		fmt.Fprintf(out, ", %d skipped because their events are parked", v.Blocked)
	}
	if v.Moved > 0 {
		fmt.Fprintf(out, ", %d changed while they were being compared", v.Moved)
	}
	if v.NoiseCount > 0 {
		fmt.Fprintf(out, ", %d messages passed over that are no commits", v.NoiseCount)
	}
	fmt.Fprintf(out, "; %d findings\n", v.Count)
	return err
}

// verifyReport returns the result as JSON.
func verifyReport(v verify.Report) map[string]any {
	list := make([]map[string]string, 0, len(v.Findings))
	for _, f := range v.Findings {
		list = append(list, map[string]string{"where": f.Where, "what": f.What})
	}
	return map[string]any{
		"commits": v.Commits, "events": v.Events, "streams": v.Streams, "documents": v.Documents, "snapshots": v.Snapshots,
		"blocked": v.Blocked, "moved": v.Moved, "findings": list, "count": v.Count, "noise": v.NoiseCount,
	}
}
