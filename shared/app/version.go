package app

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
)

// version is set by the linker; otherwise the version of the main module is used.
var version = ""

// versions are what a program is made of.
type versions struct {
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"`     // "" if the program was not built in a repository
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
	v := versions{Version: programVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, LogFormat: jetstream.Format}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.addBuild(info)
	}
	var err error
	v.Schema, err = postgres.NewestMigration()
	return v, err
}

func (v *versions) addBuild(info *debug.BuildInfo) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
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
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

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
