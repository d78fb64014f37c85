// Package build identifies the source that a program was built from.
package build

import "runtime/debug"

// version and commit are set by the linker where the build knows no repository, as in an image; otherwise what the Go command has
// stored in the program counts.
var version, commit string

// Info is the source of a program.
type Info struct {
	Version  string // of the main module; "" if it is not known
	Commit   string // "" if the program was not built in a repository, and the linker was given none
	Modified bool   // since the commit
}

// Read returns the source of this program.
func Read() Info {
	b := Info{}
	if info, ok := debug.ReadBuildInfo(); ok {
		b = read(info)
	}
	if version != "" {
		b.Version = version
	}
	if commit != "" {
		b.Commit, b.Modified = commit, false
	}
	return b
}

func read(info *debug.BuildInfo) Info {
	b := Info{Version: info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
