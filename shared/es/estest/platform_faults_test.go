package estest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// A test that has asked for a fault fails with a later one, also where its text is the same.
func TestALaterFaultFailsATest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	p := estest.PlatformOf(t, r, shop())
	p.Send("1a", Hold{Guest: "panic"})
	first := p.Faults()
	p.Send("1a", Pay{}) // queued: no further fault
	p.Send("1b", Hold{Guest: "panic"})
	p.Faults()
	p.Retry("hold", "1a")
	for _, cleanup := range r.cleanups {
		cleanup()
	}
	if got := strings.TrimSpace(r.output.String()); len(first) != 1 || got != first[0].String() {
		t.Errorf("the test failed with\n%s\nnot with\n%v", got, first)
	}
}

// More faults than one page of a store has are all there.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	module := shop()
	module.Processes = nil
	p := estest.Platform(t, module)
	for i := range core.MaxListLimit + 1 {
		p.Send(fmt.Sprint("seat-", i), Hold{Guest: "unknown"})
	}
	if n := len(p.Faults()); n != core.MaxListLimit+1 {
		t.Errorf("there are %d faults", n)
	}
}

// While the commands to one category are held, a call still waits for those to another: here, for their last attempt.
func TestOnlyHeldCommandsWait(t *testing.T) {
	t.Parallel()
	module := shop()
	module.Deciders = append(slices.Clone(module.Deciders), es.Decider[int]{Category: "till"})
	p := estest.Platform(t, module)
	p.Hold("till")
	p.Send("1a", Hold{Guest: "break"})
	if faults := p.Faults(); len(faults) != 1 || faults[0].Kind != estest.DeadLetter {
		t.Errorf("the faults are %v", faults)
	}
}
