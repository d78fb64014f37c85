package rights

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// The matrix: each user sends each of its requests with each subject as the reply, creates consumers that deliver there, publishes to
// each subject that is not its own, and listens to the answers of others. Afterwards the streams are as before and the log takes
// commits. ORCHESTRIX_RIGHTS=all tries everything, on three nodes, with NKeys and with credentials files.
func TestNoUserReachesWhatIsNotItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("13,000 attempts are made without -short")
	}
	t.Parallel()
	if os.Getenv("ORCHESTRIX_RIGHTS") != "all" {
		attackEveryone(t, install(t, 1, false, "--sender", sender), reduced)
		return
	}
	for _, credentials := range []bool{false, true} {
		t.Run(fmt.Sprint("credentials=", credentials), func(t *testing.T) {
			in := &installation{credentials: credentials}
			in.install(t, 3, "--sender", sender)
			attackEveryone(t, in, complete)
		})
	}
}

const sender = "crm=purse.put"

func attackEveryone(t *testing.T, in *installation, choose func(targets) targets) {
	t.Helper()
	in.migrate(t)
	v := in.newVictim(t)
	members := v.users(t, in)
	aims := choose(v.targets())
	for _, m := range members {
		before := v.state(t)
		attempts := m.attack(t, aims)
		v.check(t, m.name, before, m.writer)
		t.Logf("%s: %d attempts", m.name, attempts)
	}
	v.works(t)
}

// Without the accounts, with the same subjects as rights in one account, the first request of a reader deletes a stream.
func TestTheMatrixFailsInOneAccount(t *testing.T) {
	t.Parallel()
	in := &installation{keys: t.TempDir()}
	if err := os.MkdirAll(in.keys+"/nats", 0o700); err != nil {
		t.Fatal(err)
	}
	query := jetstream.Config{Partitions: partitions}.ReadRights()
	var allowed []string
	for _, request := range query.API {
		allowed = append(allowed, fmt.Sprintf("%q", "$JS.API."+request))
	}
	list := fmt.Sprintf(`authorization { users: [ { user: ORX, password: admin }, { user: ORX_BUS, password: admin },
		{ user: query, password: query, permissions: { publish: { allow: [%s] }, subscribe: { allow: ["_INBOX_query.>"] } } } ] }
`, strings.Join(allowed, ", "))
	if err := os.WriteFile(in.keys+"/nats/auth.conf", []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	in.start(t, 1)
	owner := in.admin(t, "ORX")
	if _, err := jetstream.Open(t.Context(), owner, jetstream.Config{Partitions: partitions, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	js := newJS(t, owner)
	conn, err := nats.Connect(in.urls, nats.UserInfo("query", "query"), nats.CustomInboxPrefix("_INBOX_query"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := attacker{name: "query", conn: conn, api: "$JS.API.", requests: query.API}
	reader.attack(t, targets{"$JS.API.STREAM.DELETE.ORX_EVENTS_1"})
	eventually(t, "a reader deletes a stream", func() bool {
		_, err := js.Stream(t.Context(), "ORX_EVENTS_1")
		return err != nil
	})
}

// attacker is a user, or its writer, that sends whatever it may.
type attacker struct {
	name     string
	writer   bool
	conn     *nats.Conn
	api      string   // prefix of its requests to JetStream
	requests []string // to JetStream
	data     []string // filters of what it may publish
	own      []string // all that it may publish to, as filters
}

// attack returns the number of attempts, all of which the server has answered or refused when it returns.
func (a attacker) attack(t testing.TB, all targets) (attempts int) {
	t.Helper()
	publish := func(m *nats.Msg) {
		t.Helper()
		if err := a.conn.PublishMsg(m); err != nil {
			t.Fatalf("%s: %s: %v", a.name, m.Subject, err)
		}
		attempts++
	}
	a.eachConsumer(func(stream string) {
		const pulled = `{"stream_name":%q,"config":{"name":"puller","deliver_policy":"all","ack_policy":"explicit","mem_storage":true,"num_replicas":1}}`
		publish(&nats.Msg{Subject: a.api + "CONSUMER.CREATE." + stream + ".puller", Reply: a.conn.NewInbox(), Data: fmt.Appendf(nil, pulled, stream)})
	})
	requests := a.sendable()
	for _, target := range all {
		a.eachConsumer(func(stream string) { publish(deliverTo(a.api, stream, target, a.conn.NewInbox())) })
		if slices.ContainsFunc(a.own, func(filter string) bool { return matches(filter, target) }) {
			continue // what is sent there is within its rights
		}
		for _, request := range requests {
			publish(&nats.Msg{Subject: request.Subject, Reply: target, Header: request.Header, Data: request.Data})
		}
		publish(&nats.Msg{Subject: target})
		publish(&nats.Msg{Subject: target, Data: []byte(`{"seq":1}`)})
	}
	if err := a.conn.FlushTimeout(patience); err != nil {
		t.Fatalf("%s: %v", a.name, err)
	}
	if a.writer {
		a.settle(t)
	}
	a.eachConsumer(func(stream string) {
		for _, name := range []string{"thief", "puller"} { // the server has answered all requests before these
			if _, err := a.conn.Request(a.api+"CONSUMER.DELETE."+stream+"."+name, nil, patience); err != nil {
				t.Errorf("%s: delete consumer %s of %s: %v", a.name, name, stream, err)
			}
		}
	})
	return attempts
}

// eachConsumer calls do with each stream on which the user may create consumers.
func (a attacker) eachConsumer(do func(stream string)) {
	for _, request := range a.requests {
		if stream, ok := strings.CutPrefix(request, "CONSUMER.CREATE."); ok {
			stream, _, _ = strings.Cut(stream, ".")
			do(stream)
		}
	}
}

// deliverTo creates a push consumer whose messages go to target.
func deliverTo(api, stream, target, reply string) *nats.Msg {
	body := fmt.Sprintf(`{"stream_name":%q,"config":{"name":"thief","deliver_subject":%q,"deliver_policy":"all","ack_policy":"none","mem_storage":true,"num_replicas":1}}`, stream, target)
	return &nats.Msg{Subject: api + "CONSUMER.CREATE." + stream + ".thief", Reply: reply, Data: []byte(body)}
}

// sendable are the requests of the user that change nothing of its own: reads, and messages that the server refuses to store. Their
// answers are what the server publishes to the reply subject: without a body, JSON, an error, an acknowledgement.
func (a attacker) sendable() (requests []*nats.Msg) {
	id := "a"
	for core.PartitionOf(core.DefaultTenant, id, partitions) != 0 {
		id += "a"
	}
	for _, request := range a.requests {
		verb, rest, _ := strings.Cut(request, ".ORX_")
		rest = "ORX_" + rest
		if strings.Contains(request, ".KV_") {
			verb, rest, _ = strings.Cut(request, ".KV_")
			rest = "KV_" + rest
		}
		filled := strings.NewReplacer(".*", ".puller", ".>", ".orx.evt.0.default.purse.nothing").Replace(rest)
		switch verb {
		case "STREAM.INFO", "CONSUMER.INFO", "CONSUMER.NAMES", "CONSUMER.MSG.NEXT":
			requests = append(requests, &nats.Msg{Subject: a.api + verb + "." + filled})
		case "STREAM.MSG.GET", "DIRECT.GET":
			for _, body := range []string{"", `{"seq":1}`, `{"seq":999999}`} {
				requests = append(requests, &nats.Msg{Subject: a.api + verb + "." + filled, Data: []byte(body)})
			}
		}
	}
	refused := nats.Header{"Nats-Expected-Last-Sequence": {"999999"}}
	for _, filter := range a.data {
		if strings.HasPrefix(filter, "$JS.ACK.") {
			continue
		}
		subject := strings.NewReplacer("*", "0", ">", "a").Replace(filter)
		requests = append(requests, &nats.Msg{Subject: subject, Header: refused})
	}
	if a.writer { // a commit that is stored already, and one that conflicts
		subject := "orx.evt.0.default." + strings.Split(a.own[0], ".")[4] + "." + id
		requests = append(requests, &nats.Msg{Subject: strings.ReplaceAll(subject, "*", "purse"), Header: nats.Header{"Nats-Expected-Last-Subject-Sequence": {"77"}}})
	}
	return requests
}

// matches reports whether a filter of NATS matches a subject.
func matches(filter, subject string) bool {
	want, got := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return i < len(got)
		case i == len(got) || token != "*" && token != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

// users are all users and writers of the installation.
func (v *victim) users(t testing.TB, in *installation) (all []attacker) {
	t.Helper()
	d := platform.Deployment{Registry: v.registry, Partitions: partitions}
	if _, err := os.Stat(filepath.Join(in.keys, "crm")); err == nil {
		d.Senders = []platform.Sender{platform.ParseSender(sender)}
	}
	for _, u := range d.Users() {
		if u.Absent {
			continue
		}
		connection := in.as(t, u.Name)
		a := attacker{name: u.Name, conn: connection.Conn, api: platform.APIPrefix + ".", requests: u.NATS.API, data: u.NATS.Data}
		a.own = slices.Concat(u.NATS.Data, u.NATS.Publish, u.NATS.Answer)
		for _, request := range u.NATS.API {
			a.own = append(a.own, a.api+request)
		}
		all = append(all, a)
		v.refuses(t, a)
		if connection.Writer != connection.Conn {
			writer := attacker{name: u.Name + "'s writer", writer: true, conn: connection.Writer, data: u.NATS.Append, own: u.NATS.Append}
			all = append(all, writer)
			v.refuses(t, writer)
		}
	}
	return all
}
