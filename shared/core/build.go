package core

import (
	"cmp"
	"fmt"
)

// Build identifies one build of a view from the log. A version of a view is built once, and again on each request for a
// rebuild. Each build has its own documents and checkpoints.
type Build struct {
	View    string
	Version int
	Rebuild int // 0 is the first build of the version
}

// String returns the build as operators see it: "order-summary v2", or "order-summary v2.1" for its first rebuild.
func (b Build) String() string { return b.View + " v" + b.Number() }

// Number returns version and rebuild: "2", "2.1".
func (b Build) Number() string {
	if b.Rebuild == 0 {
		return fmt.Sprint(b.Version)
	}
	return fmt.Sprintf("%d.%d", b.Version, b.Rebuild)
}

// Compare orders builds by view, and those of a view from the oldest.
func (b Build) Compare(other Build) int {
	return cmp.Or(cmp.Compare(b.View, other.View), cmp.Compare(b.Version, other.Version), cmp.Compare(b.Rebuild, other.Rebuild))
}
