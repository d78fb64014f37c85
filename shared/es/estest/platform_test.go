package estest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

func TestADeadlineFires(t *testing.T) {
	t.Parallel()
	p := estest.Platform(t, shop())
	start := p.Now()
	p.Send("1a", Hold{Guest: "Ada"})
	p.Pass(holdTime - time.Second)
	if offer := estest.Read(p, offers, "1a"); offer.Guest != "Ada" || offer.State != "held" || !offer.Since.Equal(start) {
		t.Errorf("the offer is %+v", offer)
	}
	p.Pass(time.Second)
	estest.ReadNone(p, offers, "1a")
	if i := p.Instance("hold", "1a"); i.Status != estest.StatusFailed || i.Reason != "not paid" || len(i.Sent)+len(i.Deadlines) > 0 {
		t.Errorf("the instance is %+v", i)
	}
	if now := p.Now(); !now.Equal(start.Add(holdTime)) {
		t.Errorf("%s have passed", now.Sub(start))
	}
}

func TestARestartFoldsAgain(t *testing.T) {
	t.Parallel()
	p := estest.Platform(t, shop())
	if sent := p.Send("1a", Hold{Guest: "Ada"}); sent.Version != 1 || fmt.Sprint(sent.Events) != "[{Ada}]" {
		t.Errorf("the answer is %+v", sent)
	}
	p.Restart()
	p.SendRejected("1a", Hold{Guest: "Bob"}, "seat-held")
	p.Send("1a", Pay{})
	p.Restart()
	p.Pass(time.Hour)
	if i := p.Instance("hold", "1a"); i.Status != estest.StatusCompleted {
		t.Errorf("the instance is %+v", i)
	}
	if events := p.Events("seat", "1a"); len(events) != 2 || events[1] != (SeatPaid{}) {
		t.Errorf("the events are %v", events)
	}
	if events := p.Events("seat", "none"); events != nil {
		t.Errorf("the events of nothing are %v", events)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	p := estest.Platform(t, shop())
	for _, guest := range []string{"Bob", "Ada", "Cid"} {
		p.Send("seat-"+guest, Hold{Guest: guest})
	}
	p.Send("seat-Cid", Pay{})
	list := estest.List(p, offers, es.ListQuery{Sort: "guest", Filter: []es.FieldValue{{Field: "state", Value: "held"}}})
	if len(list) != 2 || list[0].Guest != "Ada" || list[1].Guest != "Bob" {
		t.Errorf("the list is %+v", list)
	}
	if answer := estest.Ask(p, seatsQuery, seatsParams{State: "held"}); len(answer.Guests) != 2 || answer.Limit != 10 {
		t.Errorf("the answer is %+v", answer)
	}
	if answer := estest.Ask(p, seatsQuery, seatsParams{State: "paid", Limit: 3}); fmt.Sprint(answer) != "{[Cid] 3}" {
		t.Errorf("the answer is %+v", answer)
	}
	p.SendRejected("1a", Hold{}, "validation-failed")
	p.SendRejected("1a", Free{}, "internal-command")
	p.SendRejected("a b", Hold{Guest: "Ada"}, "bad-token")
}

func TestAnOperatorActs(t *testing.T) {
	t.Parallel()
	p := estest.Platform(t, shop())
	p.Send("1a", Hold{Guest: "Ada"})
	p.Cancel("hold", "1a", "by mistake")
	if i := p.Instance("hold", "1a"); i.Status != estest.StatusCancelled {
		t.Errorf("the instance is %+v", i)
	}
	p.Send("1b", Hold{Guest: "panic"})
	p.Retry("hold", "1b")
	want := estest.Fault{Kind: estest.ParkedInstance, Of: "process hold, instance 1b", Error: `process "hold" panicked on event seat/1b/1: no such guest`}
	if faults := p.Faults(); len(faults) != 1 || faults[0] != want {
		t.Errorf("the faults are %v", faults)
	}
}

// What a test does not ask for fails it.
func TestFaultsFailATest(t *testing.T) {
	t.Parallel()
	for guest, want := range map[string]string{
		"unknown": "parked event of view offers, shop.SeatHeld of seat-1a: no such guest",
		"panic":   `parked instance of process hold, instance 1a: process "hold" panicked on event seat/1a/1: no such guest`,
		"break":   `dead letter of a message to seat-1a: decide of "seat" panicked on command "break": broken`,
	} {
		t.Run(guest, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			p := estest.PlatformOf(t, r, shop())
			p.Send("1a", Hold{Guest: guest})
			for _, cleanup := range r.cleanups {
				cleanup()
			}
			if got := strings.TrimSpace(r.output.String()); got != want {
				t.Errorf("the test failed with\n%s\nnot with\n%s", got, want)
			}
		})
	}
}

func TestWhatEndsATest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(p *estest.Running)
		want string
	}{
		"a rejection":         {func(p *estest.Running) { p.Send("1a", Pay{}) }, `estest_test.Pay to "1a" is not accepted: seat-not-held (hold it first)`},
		"an acceptance":       {func(p *estest.Running) { p.SendRejected("1a", Hold{Guest: "Ada"}, "x") }, `is accepted, expected the rejection "x"`},
		"another rejection":   {func(p *estest.Running) { p.SendRejected("1a", Pay{}, "x") }, `got seat-not-held (hold it first), expected the rejection "x"`},
		"a bad command":       {func(p *estest.Running) { p.Send("1a", Hold{}) }, "is not accepted: validation-failed (validation failed: body.guest"},
		"a panic":             {func(p *estest.Running) { p.Send("1a", Break{}) }, `decide of "seat" panicked on command "break": broken`},
		"no command":          {func(p *estest.Running) { p.Send("1a", 7) }, "no module takes a command of type int; there are: estest_test.Hold, estest_test.Pay, estest_test.Break"},
		"no document":         {func(p *estest.Running) { estest.Read(p, offers, "1b") }, `view offers has no document "1b"; it has ["held"]`},
		"a document":          {func(p *estest.Running) { estest.ReadNone(p, offers, "held") }, `view offers has the document "held", expected none: {"guest":"Ada"`},
		"no view":             {func(p *estest.Running) { estest.Read(p, es.View[int]{Name: "x"}, "1") }, `no view "x"`},
		"a bad list":          {func(p *estest.Running) { estest.List(p, offers, es.ListQuery{Sort: "x"}) }, "list view offers: "},
		"a bad parameter":     {func(p *estest.Running) { estest.Ask(p, seatsQuery, seatsParams{State: "x"}) }, "ask query seats: "},
		"no instance":         {func(p *estest.Running) { p.Instance("hold", "x") }, `process "hold" has no instance "x"`},
		"no process":          {func(p *estest.Running) { p.Instance("x", "x") }, "no module has a process"},
		"no category":         {func(p *estest.Running) { p.Events("x", "x") }, `no module has the category "x"`},
		"nothing is held":     {func(p *estest.Running) { p.Release("seat") }, `those of "seat" are not held`},
		"nothing to hold":     {func(p *estest.Running) { p.Hold("x") }, `no module has the category "x"`},
		"time goes back":      {func(p *estest.Running) { p.Pass(-1) }, "time can't pass by -1ns: it goes forward"},
		"nothing to wait for": {func(p *estest.Running) { p.Wait(time.Hour, func() bool { return false }) }, "no deadline is pending"},
		"too long a wait":     {func(p *estest.Running) { p.Wait(time.Minute, func() bool { return false }) }, "the condition is not met within 1m0s; the next deadline is unpaid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				p := estest.PlatformOf(t, r, shop())
				p.Send("held", Hold{Guest: "Ada"})
				if name == "nothing to wait for" {
					p.Pass(time.Hour)
				}
				c.do(p)
				t.Error("the test continues")
			}()
			<-ended
			if got := r.output.String(); !strings.Contains(got, c.want) {
				t.Errorf("the test ended with\n%s\nnot with\n%s", got, c.want)
			}
			for _, cleanup := range r.cleanups {
				cleanup()
			}
		})
	}
}

func TestABadModuleEndsATest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		estest.PlatformOf(t, r, shop(), shop())
	}()
	<-ended
	if got := r.output.String(); !strings.Contains(got, "the modules can't be registered: ") || len(r.cleanups) > 0 {
		t.Errorf("the test ended with %s", got)
	}
}
