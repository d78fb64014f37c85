package rights

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	njs "github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es/compile"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// victim is an installation with something in each stream.
type victim struct {
	registry *core.Registry
	accounts map[string]njs.JetStream // with all rights, by account
	streams  map[string]string        // accounts by stream
	log      port.EventStore
	revision core.Revision // of the purse
}

var thePurse = stream("purse", "p")

func newJS(t testing.TB, conn *nats.Conn) njs.JetStream {
	t.Helper()
	js, err := njs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func (in *installation) newVictim(t testing.TB) *victim {
	t.Helper()
	registry, err := compile.Modules(modules...)
	if err != nil {
		t.Fatal(err)
	}
	command, process := in.open(t, platform.CommandUser), in.open(t, platform.ProcessUser)
	v := &victim{
		registry: registry, log: command.log, streams: map[string]string{},
		accounts: map[string]njs.JetStream{"ORX": newJS(t, in.admin(t, "ORX")), "ORX_BUS": newJS(t, in.admin(t, "ORX_BUS"))},
	}
	message := func(topic port.Topic) port.Message {
		return port.Message{ID: "m-" + string(topic), Sender: port.CommandSender, To: thePurse, Name: "put", Data: []byte("{}")}
	}
	var kept error
	v.works(t)
	_, kept = command.statuses.Set(t.Context(), "default.kept", []byte("{}"), 0)
	err = errors.Join(kept,
		command.bus.Publish(t.Context(), port.CommandTopic, message(port.CommandTopic)),
		command.bus.Publish(t.Context(), port.ResultTopic, message(port.ResultTopic)),
		process.deadlines.SetDeadline(t.Context(), port.Deadline{Of: stream("process-watch", "a"), Name: "late", ID: "d", At: time.Now().Add(time.Hour)}),
	)
	if err != nil {
		t.Fatal(err)
	}
	for account, js := range v.accounts {
		names := js.StreamNames(t.Context())
		for name := range names.Name() {
			v.streams[name] = account
		}
		if names.Err() != nil {
			t.Fatal(names.Err())
		}
	}
	if len(v.streams) != partitions+7 {
		t.Fatalf("the streams are %v", v.streams)
	}
	return v
}

// works appends a commit and reads the aggregate from its first commit on.
func (v *victim) works(t testing.TB) {
	t.Helper()
	next, err := v.log.Append(t.Context(), v.revision, commit(thePurse, fmt.Sprint("c", v.revision.Version)))
	if err != nil {
		t.Fatalf("the purse takes no commit: %v", err)
	}
	v.revision = next
	eventually(t, "the purse is read", func() bool { // any replica answers, also one that lags
		read := core.Version(0)
		for c, err := range port.Read(t.Context(), v.log, thePurse, 0) {
			if err != nil {
				t.Fatalf("the purse can't be read: %v", err)
			}
			read = c.Version
		}
		return read == next.Version
	})
}

// streamState is what must not change of a stream.
type streamState struct {
	config   string
	messages map[uint64]string // digests
}

func (v *victim) state(t testing.TB) map[string]streamState {
	t.Helper()
	all := map[string]streamState{}
	for name, account := range v.streams {
		s, err := v.accounts[account].Stream(t.Context(), name)
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		info := s.CachedInfo()
		config, err := json.Marshal(info.Config)
		if err != nil {
			t.Fatal(err)
		}
		state := streamState{config: string(config), messages: map[uint64]string{}}
		for sequence := max(1, info.State.FirstSeq); name != "ORX_READY" && sequence <= info.State.LastSeq; sequence++ {
			m, err := s.GetMsg(t.Context(), sequence)
			if errors.Is(err, njs.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				t.Fatalf("stream %s: %v", name, err)
			}
			state.messages[sequence] = digest(m)
		}
		all[name] = state
	}
	return all
}

func digest(m *njs.RawStreamMsg) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%v\n%d\n%s", m.Subject, m.Header, m.Time.UnixNano(), m.Data)
	return hex.EncodeToString(sum.Sum(nil))
}

// check compares the streams with what they were. The answers to a writer may be stored in the log, where they are no commits:
// nothing else is added anywhere, and nothing is changed or removed.
func (v *victim) check(t testing.TB, user string, before map[string]streamState, writer bool) {
	t.Helper()
	after := v.state(t)
	for name, was := range before {
		is := after[name]
		if is.config != was.config {
			t.Errorf("%s has changed the configuration of %s:\n%s\n%s", user, name, was.config, is.config)
		}
		for sequence, sum := range was.messages {
			if is.messages[sequence] != sum {
				t.Errorf("%s has changed or removed message %d of %s", user, sequence, name)
			}
		}
		if len(is.messages) != len(was.messages) && !(writer && v.streams[name] == "ORX") {
			t.Errorf("%s has added %d messages to %s", user, len(is.messages)-len(was.messages), name)
		}
	}
}

// settle returns when the answers to a writer are stored. A stream answers in the order of its messages: after a first round all
// answers are sent, and after a second one the streams have those that were sent to them.
func (a attacker) settle(t testing.TB) {
	t.Helper()
	for range 2 {
		for _, filter := range a.data {
			refused := &nats.Msg{Subject: strings.ReplaceAll(filter, "*", "settle"), Header: nats.Header{"Nats-Expected-Last-Sequence": {"999999"}}}
			if _, err := a.conn.RequestMsg(refused, patience); err != nil {
				t.Fatalf("%s: %s: %v", a.name, refused.Subject, err)
			}
		}
	}
}

// refuses checks that a user listens to nothing but its own answers.
func (v *victim) refuses(t testing.TB, a attacker) {
	t.Helper()
	for _, subject := range []string{">", "orx.>", "orx.evt.>", "$JS.>", "$JS.API.>", "$SYS.>", "_INBOX.>", "_INBOX_other.>", "_R_.>", "orx.api.>"} {
		s, err := a.conn.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.conn.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
		if err := a.conn.LastError(); !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+subject+`"`) {
			t.Errorf("%s may listen to %s", a.name, subject)
		}
		_ = s.Unsubscribe()
	}
}

// targets are subjects at which an attacker aims.
type targets []string

// targets are the requests that change a stream, the subjects of all streams, and those of clients and of the server.
func (v *victim) targets() (all targets) {
	for _, name := range slices.Sorted(maps.Keys(v.streams)) {
		for _, verb := range []string{"STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE", "STREAM.MSG.DELETE", "STREAM.LEADER.STEPDOWN", "STREAM.SNAPSHOT", "CONSUMER.NAMES"} {
			all = append(all, "$JS.API."+verb+"."+name, platform.APIPrefix+"."+verb+"."+name)
		}
	}
	return append(all, "$JS.API.STREAM.CREATE.MINE", "$JS.API.STREAM.RESTORE.MINE", "$JS.API.CONSUMER.CREATE.ORX_EVENTS_0", "$JS.API.SERVER.REMOVE",
		"$JS.API.ACCOUNT.PURGE.ORX", "$SYS.REQ.SERVER.PING",
		"orx.evt.0.default.purse.p", "orx.evt.1.default.purse.p", "orx.evt.0.default.purse.junk", "orx.evt.1.default.purse.junk", "orx.evt.1.default.process-watch.a",
		"orx.cmd.0.process.default.purse.p.pay-out", "orx.out.0.command.default.process-watch.a.put", "orx.due.0.process.default.process-watch.a.late",
		"orx.deadline.0.default.process-watch.a.late.1_1", "orx.dead.cmd.command.0.process.default.purse.p.put",
		"orx.ready.x", "orx.ready", "orx.bus.cmd", "$KV.ORX_ATTEMPTS.cmd.0.1", "$KV.ORX_OUTCOMES_OF_COMMANDS.default.kept",
		"$JS.ACK.ORX_COMMANDS.command-0-x-1.1.1.1.1.1", "$JS.FC.KV_ORX_ATTEMPTS.x", "_INBOX.x", "_INBOX_command.x", "_INBOX_command_writer.x", "_R_.x")
}

// complete are all targets.
func complete(all targets) targets { return all }

// reduced has one target of each mechanism: the requests that change the first partition or a queue, and the subjects of each stream.
func reduced(all targets) targets {
	return slices.DeleteFunc(slices.Clone(all), func(target string) bool {
		api := strings.HasPrefix(target, "$JS.API.") || strings.HasPrefix(target, platform.APIPrefix)
		return api && !strings.HasSuffix(target, ".ORX_EVENTS_0") && !strings.HasSuffix(target, ".ORX_COMMANDS") && !strings.HasSuffix(target, ".MINE")
	})
}
