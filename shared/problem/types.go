package problem

// The types of problems.
var (
	BadRequest       = &Type{Status: 400, Code: "bad-request", Title: "Malformed request"}
	MalformedJSON    = &Type{Status: 400, Code: "malformed-json", Title: "Malformed JSON"}
	UnknownField     = &Type{Status: 400, Code: "unknown-field", Title: "Unknown field"}
	BadToken         = &Type{Status: 400, Code: "bad-token", Title: "Malformed name or id"}
	BadHeader        = &Type{Status: 400, Code: "bad-header", Title: "Malformed header"}
	BadPosition      = &Type{Status: 400, Code: "bad-position", Title: "Malformed position"}
	BeyondEnd        = &Type{Status: 400, Code: "position-beyond-end", Title: "Position beyond the end of the log"}
	BadQuery         = &Type{Status: 400, Code: "bad-query", Title: "Invalid query parameters"}
	CrossOrigin      = &Type{Status: 403, Code: "cross-origin", Title: "Request of a web page of another origin"}
	InternalCommand  = &Type{Status: 403, Code: "internal-command", Title: "Internal command"}
	UnknownRoute     = &Type{Status: 404, Code: "unknown-route", Title: "Route not found"}
	UnknownName      = &Type{Status: 404, Code: "unknown-name", Title: "Unknown name"}
	DocumentNotFound = &Type{Status: 404, Code: "document-not-found", Title: "Document not found", Detail: "the view has no document with this key"}
	StreamNotFound   = &Type{Status: 404, Code: "stream-not-found", Title: "Stream not found", Detail: "the stream has no event"}
	CommandNotFound  = &Type{Status: 404, Code: "command-not-found", Title: "Command not found"}
	VersionNotFound  = &Type{Status: 404, Code: "version-not-found", Title: "Version not found"}
	MethodNotAllowed = &Type{Status: 405, Code: "method-not-allowed", Title: "Method not allowed"}
	BodyTimeout      = &Type{Status: 408, Code: "body-timeout", Title: "Request body timeout"}
	Conflict         = &Type{Status: 409, Code: "conflict", Title: "Concurrent write conflict",
		Detail: "other commands changed the stream during every attempt; send the command again under the same Idempotency-Key", RetryAfter: 1}
	PreconditionFailed = &Type{Status: 412, Code: "precondition-failed", Title: "Precondition failed"}
	BodyTooLarge       = &Type{Status: 413, Code: "too-large", Title: "Request body too large"}
	CommitTooLarge     = &Type{Status: 413, Code: "too-large", Title: "Commit too large", Detail: "the events of the command exceed the maximum size of one commit"}
	NotJSON            = &Type{Status: 415, Code: "unsupported-media-type", Title: "Unsupported media type"}
	UnknownHost        = &Type{Status: 421, Code: "unknown-host", Title: "Unknown host"}
	ValidationFailed   = &Type{Status: 422, Code: "validation-failed", Title: "Validation failed"}
	Rejected           = &Type{Status: 422, Code: "rejected", Title: "Command rejected"}
	CommandReused      = &Type{Status: 422, Code: "command-reused", Title: "Idempotency-Key reused"}
	Internal           = &Type{Status: 500, Code: "internal", Title: "Internal error", Detail: "the request failed by a fault of the service; its log has the error under the trace_id"}
	Unavailable        = &Type{Status: 503, Code: "unavailable", Title: "Backend unavailable",
		Detail: "the log or the read side did not answer in time; a command may or may not have been written: send it again under the same Idempotency-Key, and it is written once", RetryAfter: 2}
	ViewNotBuilt = &Type{Status: 503, Code: "view-not-built", Title: "View not built yet", RetryAfter: 2}
	Overloaded   = &Type{Status: 503, Code: "overloaded", Title: "Server overloaded", Detail: "nothing was done; send the request again", RetryAfter: 1}
	ResultsFull  = &Type{Status: 503, Code: "outcomes-full", Title: "Command result store full",
		Detail: "the results of earlier asynchronous commands take the maximum size; nothing was done: send the command without Prefer: respond-async, or later", RetryAfter: 60}
	NotReached = &Type{Status: 504, Code: "position-not-reached", Title: "Position not reached"}
)

// The types of problems of the admin API alone.
var (
	BadLevel       = &Type{Status: 400, Code: "bad-level", Title: "Malformed log level"}
	Unauthorized   = &Type{Status: 401, Code: "unauthorized", Title: "Token missing or unknown"}
	NotFound       = &Type{Status: 404, Code: "not-found", Title: "Not found"}
	NoBus          = &Type{Status: 404, Code: "no-bus", Title: "No message bus"}
	BeingBuilt     = &Type{Status: 409, Code: "being-built", Title: "Build in progress"}
	NotFirst       = &Type{Status: 409, Code: "not-first", Title: "Lane has changed"}
	OtherVersion   = &Type{Status: 409, Code: "other-version", Title: "Other version of the view"}
	ActionRejected = &Type{Status: 409, Code: "rejected", Title: "Action rejected"}
	BadName        = &Type{Status: 422, Code: "bad-token", Title: "Malformed name or id"} // in a request, or in a message to publish again
	Starting       = &Type{Status: 503, Code: "starting", Title: "Service starting"}
)
