package core_test

import (
	"encoding/json"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

var orderStream = core.Stream{Tenant: "default", Category: "order", ID: "10248"}

// orderCommit is a commit of two events, the first of which has text that JSON escapes.
func orderCommit() core.Commit {
	return core.Commit{
		Stream: orderStream, Version: 3, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC),
		Command: core.CommandRef{ID: "c-1"}, CorrelationID: "r-1", CausationID: "m-1",
		Events: []core.Recorded{
			{Type: "ordering.OrderPlaced", Schema: 2, Data: json.RawMessage(`{"name":"<ü> & \"co\""}`)},
			{Type: "ordering.OrderShipped", Schema: 1, Data: json.RawMessage(`{}`)},
		},
	}
}
