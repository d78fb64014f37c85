package problem

import (
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

// transient are the types of problems after which a command may still succeed, some of them after a fault of the service is
// fixed.
var transient = []*Type{
	Conflict, Internal, Unavailable, Overloaded, ResultsFull, NotReached,
}

// Explain describes the error of a command that came over the bus, and reports whether the error is final. After any other
// error, the command is executed again.
func Explain(err error) (runtime.Refusal, bool) {
	t, p := Public.Find(err)
	if slices.Contains(transient, t) {
		return runtime.Refusal{}, false
	}
	body, err := core.Marshal(p)
	if err != nil { // unreachable: a problem is made of texts and numbers
		return runtime.Refusal{}, false
	}
	return runtime.Refusal{Code: p.Code, Detail: p.Detail, Problem: body}, true
}
