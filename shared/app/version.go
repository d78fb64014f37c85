package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/build"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// versions are what a program is made of.
type versions struct {
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"`     // "" if it is not known
	Modified   bool   `json:"modified,omitempty"`   // since the commit
	Go         string `json:"go"`                   // "go1.26.0"
	Platform   string `json:"platform"`             // "linux/amd64"
	Orchestrix string `json:"orchestrix,omitempty"` // version of the module in the program of a team
	LogFormat  string `json:"log_format"`
	Schema     int64  `json:"schema"` // number of the newest migration
}

// ourModule is the path of the module of this package.
var ourModule = strings.TrimSuffix(reflect.TypeFor[Options]().PkgPath(), "/shared/app")

func readVersions() (versions, error) {
	source := build.Read()
	v := versions{Version: programVersion(), Commit: source.Commit, Modified: source.Modified, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, LogFormat: jetstream.Format}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.addOrchestrix(info)
	}
	var err error
	v.Schema, err = postgres.NewestMigration()
	return v, err
}

func (v *versions) addOrchestrix(info *debug.BuildInfo) {
	for _, m := range info.Deps {
		if m.Path != ourModule {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
			v.Orchestrix = strings.TrimSpace(m.Path + " " + m.Version)
			return
		}
		v.Orchestrix = m.Version
	}
}

// programVersion returns the version of the program.
func programVersion() string { return cmp.Or(build.Read().Version, "unknown") }

func newVersion(name string) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the program, of the log and of the tables",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "human" && output != "json" {
				return fmt.Errorf("--output is %q, it may be human or json", output)
			}
			v, err := readVersions()
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			return v.print(cmd.OutOrStdout(), name)
		},
	}
	command.Flags().StringVarP(&output, "output", "o", "human", "human or json")
	return command
}

func (v versions) print(out io.Writer, name string) error {
	commit := v.Commit
	if commit == "" {
		commit = "unknown"
	}
	if v.Modified {
		commit += ", with changes"
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\ncommit\t%s\ngo\t%s %s\n", name, v.Version, commit, v.Go, v.Platform)
	if v.Orchestrix != "" {
		fmt.Fprintf(w, "orchestrix\t%s\n", v.Orchestrix)
	}
	fmt.Fprintf(w, "log format\t%s\ntables\tmigration %d\n", v.LogFormat, v.Schema)
	return w.Flush()
}
