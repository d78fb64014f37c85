package runtime

import (
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ProcessCheckpointName is the name under which process runners store their checkpoints, in the form of a view's.
const ProcessCheckpointName = core.ProcessRunner

// reservedNames are the names of consumers that are not views.
var reservedNames = []string{ProcessCheckpointName}

// IsReservedName reports whether the builds of this name are those of a consumer that is not a view. Projectors do not drop them.
func IsReservedName(name string) bool { return slices.Contains(reservedNames, name) }
