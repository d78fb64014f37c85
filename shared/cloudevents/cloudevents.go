package cloudevents

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ContentType is the media type of a commit's body in the log: a batch of CloudEvents 1.0 in the JSON format
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
const ContentType = "application/cloudevents-batch+json"

// CloudEvent is one event in the form of the log and of HTTP answers.
type CloudEvent struct {
	SpecVersion     string          `json:"specversion"`     // "1.0"
	ID              string          `json:"id"`              // "order/10248/2", unique within its source
	Source          string          `json:"source"`          // "/default/ordering": tenant and module
	Type            string          `json:"type"`            // "ordering.OrderShipped"
	Subject         string          `json:"subject"`         // "order-10248"
	Time            time.Time       `json:"time"`            // when the command was decided, UTC
	DataContentType string          `json:"datacontenttype"` // "application/json"
	DataSchema      string          `json:"dataschema"`      // "urn:orchestrix:ordering.OrderShipped:1": type and schema version
	StreamVersion   core.Version    `json:"streamversion"`   // of the stream with this event
	CommandID       string          `json:"commandid"`
	CorrelationID   string          `json:"correlationid"`
	CausationID     string          `json:"causationid"`
	Position        string          `json:"position,omitempty"` // in HTTP answers only: an entry of the log has its sequence
	Data            json.RawMessage `json:"data"`
}

const schemaPrefix = "urn:orchestrix:"

// EventsOf returns the commit's events as CloudEvents, without Position.
func EventsOf(c *core.Commit) []CloudEvent {
	events := make([]CloudEvent, len(c.Events))
	for i, e := range c.Events {
		version := c.First() + core.Version(i)
		module, _, _ := strings.Cut(e.Type, ".")
		events[i] = CloudEvent{
			SpecVersion: "1.0", DataContentType: "application/json",
			ID:     c.Stream.Category + "/" + c.Stream.ID + "/" + version.String(),
			Source: "/" + c.Stream.Tenant + "/" + module, Subject: c.Stream.String(),
			Type: e.Type, DataSchema: schemaPrefix + e.Type + ":" + strconv.Itoa(e.Schema),
			Time: c.Time, StreamVersion: version, CommandID: c.Command.ID,
			CorrelationID: c.CorrelationID, CausationID: c.CausationID, Data: e.Data,
		}
	}
	return events
}

// Decode decodes the body of a commit into c: events, version, time, command id, correlation and causation. The caller sets
// c.Stream before. The events' data share memory with body. It returns an error that wraps [core.ErrCorrupt] for a body that
// is not a commit of this stream.
func Decode(body []byte, c *core.Commit) error {
	if scanCommit(body, c) {
		return nil
	}
	return decodeJSON(body, c)
}

// decodeJSON decodes a body that differs from the output of [Encode], for example one that another program has written.
func decodeJSON(body []byte, c *core.Commit) error {
	subject := c.Stream.String()
	var events []CloudEvent
	if err := json.Unmarshal(body, &events); err != nil {
		return fmt.Errorf("%w: %s: the body is no batch of CloudEvents: %w", core.ErrCorrupt, c.Stream, err)
	}
	if len(events) == 0 {
		return fmt.Errorf("%w: %s: the commit holds no event", core.ErrCorrupt, c.Stream)
	}
	first := &events[0]
	c.Time, c.Command.ID = first.Time, first.CommandID
	c.CorrelationID, c.CausationID = first.CorrelationID, first.CausationID
	c.Version = events[len(events)-1].StreamVersion
	c.Events = make([]core.Recorded, len(events))
	for i := range events {
		e := &events[i]
		schema, err := e.schema()
		if err == nil {
			err = e.check(subject, first, core.Version(i))
		}
		if err != nil {
			return fmt.Errorf("%w: %s, event %d of the commit: %w", core.ErrCorrupt, c.Stream, i+1, err)
		}
		c.Events[i] = core.Recorded{Type: e.Type, Schema: schema, Data: e.Data}
	}
	return nil
}

// schema returns the schema version from the end of dataschema.
func (e *CloudEvent) schema() (int, error) {
	version, prefixed := strings.CutPrefix(e.DataSchema, schemaPrefix)
	version, typed := strings.CutPrefix(version, e.Type)
	version, separated := strings.CutPrefix(version, ":")
	schema, err := strconv.Atoi(version)
	if !prefixed || !typed || !separated || err != nil || schema < 1 {
		return 0, fmt.Errorf("dataschema %q is not %s%s:<version>", e.DataSchema, schemaPrefix, e.Type)
	}
	return schema, nil
}

// check compares the event with its commit: subject, and version by the index in the commit.
func (e *CloudEvent) check(subject string, first *CloudEvent, index core.Version) error {
	switch {
	case e.SpecVersion != "1.0":
		return fmt.Errorf("specversion is %q, not 1.0", e.SpecVersion)
	case e.Subject != subject:
		return fmt.Errorf("subject is %q", e.Subject)
	case e.StreamVersion == 0 || e.StreamVersion != first.StreamVersion+index:
		return fmt.Errorf("streamversion is %d", e.StreamVersion)
	case len(e.Data) == 0:
		return fmt.Errorf("it has no data")
	}
	return nil
}
