package runtime

import "slices"

// ProcessFollower is the name under which process runners store their checkpoints, as if they built a view.
const ProcessFollower = "process-runner"

// reservedNames are the names of consumers that are not views.
var reservedNames = []string{ProcessFollower}

// isReserved reports whether builds of this name belong to the worker of a consumer that is not a view.
func IsReserved(name string) bool { return slices.Contains(reservedNames, name) }
