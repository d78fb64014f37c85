package runtime_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
)

func commandMessage() runtime.AsyncMessage {
	version := core.Version(0)
	return runtime.AsyncMessage{
		Command: runtime.Command{
			Stream: core.Stream{Tenant: "acme", Category: "counter", ID: "7"}, Name: "add", ID: "c/1", Body: json.RawMessage(`{"n": 1}`),
			IfMatch: &version, CorrelationID: "cor", CausationID: "cause", Trace: core.Trace{Parent: "00-1-2-01", State: "a=b"},
			Origin: core.Origin{Sender: "process", Principal: "ann", Actor: "bot", Via: "process-count/p-1", KeyID: "k1"},
		},
		ResultTo: core.Stream{Tenant: "acme", Category: "process-count", ID: "p-1"},
		ReplyTo:  "_INBOX_process.x.y",
	}
}

func TestCommandsTravelWhole(t *testing.T) {
	t.Parallel()
	full := commandMessage()
	for _, sent := range []runtime.AsyncMessage{full, {Command: runtime.Command{Stream: full.Stream, Name: "add", ID: "c", Body: json.RawMessage(`{}`), Origin: core.Origin{Sender: "shop"}}}} {
		message, err := sent.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if message.To != sent.Stream || message.Name != sent.Name || message.Sender != sent.Origin.Sender {
			t.Errorf("the message is %s of %s for %s", message.Name, message.Sender, message.To)
		}
		got, err := runtime.DecodeAsyncMessage(message)
		if err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("%+v, %v came out of %+v", got, err, sent)
		}
		if again, _ := sent.Encode(); again.ID != message.ID {
			t.Errorf("the message has id %s, and then %s", message.ID, again.ID)
		}
	}
	full.ResultTo, full.ReplyTo = core.Stream{}, ""
	ofProcess, _ := full.Encode()
	full.Origin.Sender = "shop"
	if ofShop, err := full.Encode(); err != nil || ofShop.ID == ofProcess.ID {
		t.Errorf("two senders have one message id, %v", err)
	}
	full = commandMessage()
	message, _ := full.Encode()
	for what, change := range map[string]func(*runtime.AsyncMessage){
		"another stream":    func(m *runtime.AsyncMessage) { m.Stream.ID = "8" },
		"another id":        func(m *runtime.AsyncMessage) { m.ID = "c/2" },
		"another body":      func(m *runtime.AsyncMessage) { m.Body = json.RawMessage(`{"n": 2}`) },
		"another name":      func(m *runtime.AsyncMessage) { m.Name = "take" },
		"another asks":      func(m *runtime.AsyncMessage) { m.ResultTo.ID = "p-2" },
		"another inbox":     func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX.z" },
		"not asked for one": func(m *runtime.AsyncMessage) { m.ReplyTo = "" },
	} {
		other := commandMessage()
		change(&other)
		if m, err := other.Encode(); err != nil || m.ID == message.ID {
			t.Errorf("%s: the same message id, %v", what, err)
		}
	}
}

func TestMalformedCommandsAreRejected(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*runtime.AsyncMessage){
		"no id":                  func(m *runtime.AsyncMessage) { m.ID = "" },
		"no name":                func(m *runtime.AsyncMessage) { m.Name = "" },
		"a line break":           func(m *runtime.AsyncMessage) { m.Name = "add\r\nx: y" },
		"a wildcard":             func(m *runtime.AsyncMessage) { m.Stream.ID = ">" },
		"another tenant's":       func(m *runtime.AsyncMessage) { m.ResultTo.Tenant = "other" },
		"half a receiver":        func(m *runtime.AsyncMessage) { m.ResultTo.ID = "" },
		"reply into the log":     func(m *runtime.AsyncMessage) { m.ReplyTo = "orx.evt.0.acme.counter.7" },
		"reply to the server":    func(m *runtime.AsyncMessage) { m.ReplyTo = "$JS.API.STREAM.DELETE.ORX_EVENTS_0" },
		"reply to another":       func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX_command.x.y" },
		"another's result":       func(m *runtime.AsyncMessage) { m.Origin.Sender, m.ReplyTo = "shop", "" },
		"no sender":              func(m *runtime.AsyncMessage) { m.Origin.Sender = "" },
		"a long via":             func(m *runtime.AsyncMessage) { m.Origin.Via = strings.Repeat("x", 257) },
		"an actor with a bell":   func(m *runtime.AsyncMessage) { m.Origin.Actor = "a\ab" },
		"reply to many":          func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX.*" },
		"reply with a space":     func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX.a b" },
		"reply to an empty part": func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX..a" },
		"reply to the prefix":    func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX" },
		"reply to a long name":   func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX." + strings.Repeat("x", 5000) },
		"a long correlation":     func(m *runtime.AsyncMessage) { m.CorrelationID = strings.Repeat("x", 300) },
		"a long cause":           func(m *runtime.AsyncMessage) { m.CausationID = strings.Repeat("x", 300) },
		"space around a cause":   func(m *runtime.AsyncMessage) { m.CausationID = "x\u00a0" },
		"reply with a line":      func(m *runtime.AsyncMessage) { m.ReplyTo = "_INBOX.\n" },
	} {
		m := commandMessage()
		change(&m)
		if _, err := m.Encode(); !errors.Is(err, core.ErrBadToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, change := range map[string]func(map[string]string){
		"no id":           func(h map[string]string) { delete(h, "orx-command-id") },
		"a bad version":   func(h map[string]string) { h["orx-if-match"] = "two" },
		"no receiver id":  func(h map[string]string) { h["orx-outcome-to"] = "process-count" },
		"a bad receiver":  func(h map[string]string) { h["orx-outcome-to"] = "process-count/a.b" },
		"a reply to evil": func(h map[string]string) { h["orx-reply-to"] = "orx.evt.0.acme.counter.7" },
	} {
		m := commandMessage()
		message, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		change(message.Header)
		if _, err := runtime.DecodeAsyncMessage(message); !errors.Is(err, core.ErrBadToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The names in the headers are the word of the services: another sender has only its own name.
func TestOtherSendersHaveNoOriginButTheirName(t *testing.T) {
	t.Parallel()
	m := commandMessage()
	message, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	message.Sender, message.Header["orx-reply-to"] = "shop", "_INBOX_shop.x"
	if _, err := runtime.DecodeAsyncMessage(message); !errors.Is(err, core.ErrBadToken) {
		t.Errorf("another sender answers a process: %v", err)
	}
	delete(message.Header, "orx-outcome-to")
	got, err := runtime.DecodeAsyncMessage(message)
	if err != nil || got.Origin != (core.Origin{Sender: "shop"}) {
		t.Errorf("%+v, %v", got.Origin, err)
	}
}

func TestStatusesTravelWhole(t *testing.T) {
	t.Parallel()
	m := commandMessage()
	ids := map[string]bool{}
	for _, sent := range []runtime.AsyncStatus{
		{CommandID: m.ID, Stream: "counter-7", State: runtime.Accepted, Version: 3, Position: "1-9", Events: []string{"Added"}},
		{CommandID: m.ID, Stream: "counter-7", State: runtime.Rejected, Code: "too-much", Detail: "<no>", Problem: json.RawMessage(`{"status":422}`)},
	} {
		message, err := sent.Encode(&m)
		if err != nil {
			t.Fatal(err)
		}
		if message.To != m.ResultTo || message.Name != m.Name || message.Sender != port.CommandSender || message.Header["orx-causation-id"] != m.ID || message.Header["orx-correlation-id"] != "cor" || message.Header["traceparent"] != m.Trace.Parent {
			t.Errorf("the message is %+v", message)
		}
		ids[message.ID] = true
		got, err := runtime.DecodeAsyncStatus(message)
		if err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("%+v, %v came out of %+v", got, err, sent)
		}
	}
	if len(ids) != 2 {
		t.Error("two statuses have one message id")
	}
	for _, body := range []string{"", "null", "{", `{"command_id":"c","status":"pending"}`, `{"status":"accepted"}`, `{"command_id":"` + strings.Repeat("c", 200) + `","status":"accepted"}`} {
		if _, err := runtime.DecodeAsyncStatus(port.Message{To: m.ResultTo, Data: []byte(body)}); !errors.Is(err, core.ErrBadPayload) {
			t.Errorf("status %q: %v", body, err)
		}
	}
}
