package runtime

import (
	"encoding/json"

	"orchestrix/shared/es"
)

// Command is a request to change one aggregate, checked against its type's struct tags.
type Command struct {
	Stream es.Stream
	Name   string
	ID     string          // repeated with the same body, it gets its first result
	Body   json.RawMessage // one JSON object

	// Payload is Body as its type, where the caller has decoded it already to check it.
	Payload any

	// IfMatch, where it is set, is the version that the stream must have; otherwise [PreconditionError].
	IfMatch *es.Version

	CorrelationID string // the command id where empty
	CausationID   string // the command id where empty
	Trace         es.Trace
}

// Result is what an accepted command has done.
type Result struct {
	Stream    es.Stream
	Version   es.Version
	Position  es.Position // of the commit; where the command had no event, of the newest commit of the stream
	CommandID string
	Events    []string // kinds
	Repeated  bool     // the command had been accepted before; of two services that race with it, both may say that it had not
}
