package core

import (
	"cmp"
	"fmt"
)

// Build names one building of a view from the log. A version of a view is built once, and again whenever
// somebody asks for it; each build has documents and checkpoints of its own.
type Build struct {
	View    string
	Version int
	Rebuild int // 0 is the first build of the version
}

// String is the build as people see it: "order-summary v2", or "order-summary v2.1" where it was rebuilt.
func (b Build) String() string { return b.View + " v" + b.Number() }

// Number is the version, and how often it was rebuilt: "2", "2.1".
func (b Build) Number() string {
	if b.Rebuild == 0 {
		return fmt.Sprint(b.Version)
	}
	return fmt.Sprintf("%d.%d", b.Version, b.Rebuild)
}

// Compare orders the builds of a view from the oldest.
func (b Build) Compare(other Build) int {
	return cmp.Or(cmp.Compare(b.View, other.View), cmp.Compare(b.Version, other.Version), cmp.Compare(b.Rebuild, other.Rebuild))
}
