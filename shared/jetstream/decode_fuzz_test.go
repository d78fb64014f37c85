package jetstream

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// A message of any other client is decoded as a commit, or returned as corrupt or as noise, without a panic.
func FuzzDecode(f *testing.F) {
	body := `[{"specversion":"1.0","id":"thing/a/1","source":"/default/things","type":"things.Happened","subject":"thing-a",` +
		`"time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","dataschema":"urn:orchestrix:things.Happened:1","streamversion":1,"data":{}}]`
	f.Add("orx.evt.0.default.thing.a", body, "1", "")
	f.Add("orx.evt.0.default.thing.a", body, "2", "7,5,3")
	f.Add("orx.evt.1.default.thing.a", `[]`, "", "3,5")
	f.Add("else", `{`, "x", "1,,2")
	log := &Log{server: &server{config: Config{}.withDefaults(), partitions: 1}}
	f.Fuzz(func(t *testing.T, subject, body, version, previous string) {
		m := stored{subject: subject, sequence: 7, body: []byte(body), header: nats.Header{headerVersion: {version}, headerPrevious: {previous}}}
		c, err := log.decode(0, m)
		if c.Position != (core.Position{Sequence: 7}) {
			t.Errorf("the position is %s", c.Position)
		}
		if err != nil {
			if want := map[bool]error{true: core.ErrNoise, false: core.ErrCorrupt}[version == ""]; !errors.Is(err, want) {
				t.Errorf("%v is not said to be: %v", err, want)
			}
			return
		}
		if c.Version == 0 || len(c.Events) == 0 || c.Stream.Check() != nil || len(c.Previous) > core.MaxPrevious {
			t.Errorf("taken for a commit: %+v", c)
		}
	})
}
