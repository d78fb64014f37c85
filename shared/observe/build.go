package observe

import (
	"cmp"
	"runtime"

	"github.com/orchestrix-go/orchestrix/shared/build"
)

// source identifies the source of this program.
type source struct{ version, revision, goVersion string }

func thisBuild() source {
	b := build.Read()
	return source{version: cmp.Or(b.Version, "unknown"), revision: cmp.Or(b.Commit, "unknown"), goVersion: runtime.Version()}
}
