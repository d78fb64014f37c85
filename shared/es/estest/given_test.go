package estest_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// A list of things, right or wrong in one of many ways.

type (
	list struct {
		Things []string       `json:"things"`
		Counts map[string]int `json:"counts"`
	}
	add      struct{ Thing string }
	clock    struct{}
	careless struct{}
	failing  struct{}
	idle     struct{}
	strange  struct{}
	unknown  struct{}
	lossy    struct{ At lossyTime }
	added    struct{ Thing string }
	mutated  struct{}
	lost     struct{ At lossyTime }
)

// lossyTime is a type that looks storable: it forgets its nanoseconds on the way through JSON.
type lossyTime struct{ time.Time }

func (l lossyTime) MarshalJSON() ([]byte, error) {
	return []byte(l.UTC().Format(`"2006-01-02T15:04:05Z"`)), nil
}

var moment = lossyTime{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}

var calls int

var lists = es.Decider[list]{
	Category: "list",
	Decide: es.Commands[list]{
		es.Handle("add", func(_ list, c add) ([]es.Event, error) {
			if c.Thing == "" {
				return es.Reject("thing-empty", "a thing has a name")
			}
			return es.Accept(added(c))
		}),
		es.Handle("clock", func(list, clock) ([]es.Event, error) {
			calls++
			return es.Accept(added{Thing: fmt.Sprint(calls)})
		}),
		es.Handle("careless", func(l list, _ careless) ([]es.Event, error) {
			l.Counts["a"]++
			return es.Accept()
		}),
		es.Handle("failing", func(list, failing) ([]es.Event, error) { return nil, errors.New("no idea") }),
		es.Handle("idle", func(list, idle) ([]es.Event, error) { return es.Accept() }),
		es.Handle("strange", func(list, strange) ([]es.Event, error) { return es.Accept(unknown{}) }),
		es.Handle("lossy", func(list, lossy) ([]es.Event, error) { return es.Accept() }),
	},
	Evolve: es.Events[list]{
		es.Apply("Added", func(l list, e added) list {
			counts := maps.Clone(l.Counts)
			if counts == nil {
				counts = map[string]int{}
			}
			counts[e.Thing]++
			return list{Things: append(l.Things[:len(l.Things):len(l.Things)], e.Thing), Counts: counts}
		}),
		es.Apply("Mutated", func(l list, _ mutated) list { l.Counts["a"]++; return l }),
		es.Apply("Lost", func(l list, _ lost) list { return l }),
	},
}

func TestGivenWhenThen(t *testing.T) {
	t.Parallel()
	estest.Given(t, lists).When(add{"a"}).Then(added{"a"}).
		ThenState(list{Things: []string{"a"}, Counts: map[string]int{"a": 1}}).
		When(add{"a"}).Then(added{"a"}).
		ThenState(list{Things: []string{"a", "a"}, Counts: map[string]int{"a": 2}})
	estest.Given(t, lists, added{"a"}).When(idle{}).ThenNothing()
	estest.Given(t, lists, added{"a"}).When(add{}).ThenRejected("thing-empty").
		ThenState(list{Things: []string{"a"}, Counts: map[string]int{"a": 1}})
	if state := estest.Given(t, lists, added{"b"}).State(); state.Counts["b"] != 1 {
		t.Errorf("state is %+v", state)
	}
}

// Each wrong expectation and each broken rule fails the test, with the reason.
func TestGivenWhenThenFails(t *testing.T) {
	t.Parallel()
	noState := lists
	noState.Category = "no such category"
	for name, test := range map[string]struct {
		scenario func(t testing.TB)
		says     []string
	}{
		"another event":       {func(t testing.TB) { estest.Given(t, lists).When(add{"a"}).Then(added{"b"}) }, []string{"estest_test.add", "- ", `"b"`, "+ ", `"a"`}},
		"no event":            {func(t testing.TB) { estest.Given(t, lists).When(add{"a"}).ThenNothing() }, []string{"+ ", `"a"`}},
		"a missing event":     {func(t testing.TB) { estest.Given(t, lists).When(idle{}).Then(added{"a"}) }, []string{"- ", `"a"`}},
		"an event, rejected":  {func(t testing.TB) { estest.Given(t, lists).When(add{}).Then(added{"a"}) }, []string{"thing-empty"}},
		"a rejection, none":   {func(t testing.TB) { estest.Given(t, lists).When(add{"a"}).ThenRejected("thing-empty") }, []string{"accepted", `"a"`}},
		"another rejection":   {func(t testing.TB) { estest.Given(t, lists).When(add{}).ThenRejected("other") }, []string{"thing-empty", "other"}},
		"an error":            {func(t testing.TB) { estest.Given(t, lists).When(failing{}).ThenRejected("other") }, []string{"no idea", "es.Reject"}},
		"another state":       {func(t testing.TB) { estest.Given(t, lists).When(add{"a"}).ThenState(list{}) }, []string{"state differs", `"a"`}},
		"nothing expected":    {func(t testing.TB) { estest.Given(t, lists).When(add{"a"}) }, []string{"Then"}},
		"no such command":     {func(t testing.TB) { estest.Given(t, lists).When(added{"a"}) }, []string{"takes no", "estest_test.add"}},
		"no such event":       {func(t testing.TB) { estest.Given(t, lists, unknown{}) }, []string{"estest_test.unknown", "es.Apply"}},
		"an event not known":  {func(t testing.TB) { estest.Given(t, lists).When(strange{}).ThenNothing() }, []string{"estest_test.unknown", "es.Apply"}},
		"a bad decider":       {func(t testing.TB) { estest.Given(t, noState) }, []string{"no such category"}},
		"a clock":             {func(t testing.TB) { estest.Given(t, lists).When(clock{}).ThenNothing() }, []string{"twice"}},
		"a mutating decide":   {func(t testing.TB) { estest.Given(t, lists, added{"a"}).When(careless{}).ThenNothing() }, []string{"deciding", "changed the state", `{"a":1}`}},
		"a mutating evolve":   {func(t testing.TB) { estest.Given(t, lists, added{"a"}, mutated{}) }, []string{"applying", "changed the state"}},
		"an event losing":     {func(t testing.TB) { estest.Given(t, lists, lost{moment}) }, []string{"estest_test.lost", "after the log"}},
		"a command losing":    {func(t testing.TB) { estest.Given(t, lists).When(lossy{moment}).ThenNothing() }, []string{"estest_test.lossy", "after JSON"}},
		"a snapshot losing":   {func(t testing.TB) { estest.Given(t, losingState) }, []string{"initial state", "after a snapshot"}},
		"a document missing":  {func(t testing.TB) { project(t).On("a", added{"a"}).Then("b", counter{}) }, []string{"no document", `"a"`}},
		"another document":    {func(t testing.TB) { project(t).On("a", added{"a"}).Then("a", counter{Thing: "a", Count: 2}) }, []string{"- ", "+ "}},
		"a document too many": {func(t testing.TB) { project(t).On("a", added{"a"}).ThenNone("a") }, []string{"expected none"}},
		"a fold that fails":   {func(t testing.TB) { project(t).On("a", added{"bad"}) }, []string{"no bad things", `"bad"`, "things.Added"}},
		"a bad key":           {func(t testing.TB) { project(t).On("a", added{"\n"}) }, []string{"control character"}},
		"an unknown event":    {func(t testing.TB) { project(t).On("a", unknown{}) }, []string{"estest_test.unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output := failure(t, test.scenario)
			if output == "" {
				t.Error("the scenario did not fail")
			}
			for _, part := range test.says {
				// go-cmp writes some spaces as non-breaking ones, to prevent parsing of its output.
				if !strings.Contains(strings.ReplaceAll(output, "\u00a0", " "), part) {
					t.Errorf("%q is missing in what it says:\n%s", part, output)
				}
			}
		})
	}
}

var losingState = es.Decider[lossy]{Category: "lossy", Initial: lossy{moment}}

type counter struct {
	Thing string
	Count int
	Last  time.Time
}

var counters = es.View[counter]{
	Name: "counters", Version: 1,
	On: es.Folds[counter]{
		es.OnKeyWith(func(e added) string { return e.Thing }, func(c *counter, e added, m es.Meta) error {
			switch e.Thing {
			case "bad":
				return errors.New("no bad things")
			case "gone":
				return es.Delete
			}
			*c = counter{Thing: m.Key, Count: c.Count + 1, Last: m.Time}
			return nil
		}),
	},
}

func project(t testing.TB) *estest.Projection[counter] {
	t.Helper()
	return estest.Project(t, es.Module{Name: "things", Deciders: []es.DeciderDef{lists}}, counters)
}

func TestProject(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := project(t).
		On("1", added{"a"}, mutated{}, added{"b"}).
		At(day.Add(time.Hour)).
		On("2", added{"a"}, added{"gone"}).
		Then("a", counter{"a", 2, day.Add(time.Hour)}).
		Then("b", counter{"b", 1, day}).
		ThenNone("gone")
	if documents := p.Documents(); len(documents) != 2 || documents["b"].Count != 1 {
		t.Errorf("documents are %v", documents)
	}
}

// failure runs a scenario that should fail and returns its output.
func failure(t testing.TB, scenario func(testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		scenario(r)
	}()
	<-done
	for _, f := range r.cleanups {
		f()
	}
	return r.output.String()
}
