package command

import "github.com/orchestrix-go/orchestrix/shared/runtime"

// call is one execution of a command: the command, and what its observers report when it ends.
type call struct {
	runtime.Command
	hash       string // [core.HashCommand] of Name and Body
	conflicts  int    // attempts that lost against another writer and were repeated
	cacheHits  int    // attempts on a cached state
	optimistic bool   // the command was appended without loading the aggregate
}
