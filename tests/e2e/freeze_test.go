package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// freezeProbes is how many transfers the others have to bring to their ends meanwhile: enough for each partition to have some.
const freezeProbes = 24

// A service stops in its tracks under load, as a virtual machine does that is moved, and its work is taken over. When it
// wakes up in the middle of what it did, it believes that all of it is still its own. No money is made or lost by that,
// and no view has anything twice.
func TestFrozenServicesWakeUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if logInPostgres() {
		t.Skip(noBus)
	}
	seed, each := seedOf(t), faultsOf(t, 1)
	random := rand.New(rand.NewPCG(seed, 0))
	kinds := slices.Repeat([]string{"process", "command", "projection"}, each)
	random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })

	probes := freezeProbes * len(kinds)
	b := startBank(t, 100*len(kinds)+probes)
	b.probes = probes
	b.open()
	clients := b.startClients(seed)
	for i, kind := range kinds {
		b.awaitRequests(100 * i)
		b.freeze(kind, random, b.transfers-probes+i*freezeProbes)
	}
	clients.Wait()
	took := b.awaitQuiet()
	report, problems := b.audit()
	for _, problem := range problems {
		t.Error(problem)
	}
	checkJournal(t, b.platform, b.load)
	t.Log(b.load.report(fmt.Sprintf("%d faults %v; %s; quiet after %v", len(kinds), countOf(kinds), report, took)))
}

// freeze stops one of two services until the other has brought transfers to their ends, those from this number on.
func (b *bank) freeze(kind string, random *rand.Rand, first int) {
	b.t.Helper()
	victim := random.IntN(2)
	frozen := map[string][]*program{"process": b.processes, "command": b.commands, "projection": b.projections}[kind][victim]
	awake := &load{urls: b.urls, stop: b.load.stop}
	if kind == "command" {
		awake.urls = []string{b.urls[1-victim]}
	}
	if err := suspend(frozen.cmd.Process); err != nil {
		b.t.Fatalf("suspend %s: %v", frozen.name, err)
	}
	var probes []string
	for n := range freezeProbes {
		probes = append(probes, b.request(b.t.Context(), awake, random, first+n))
	}
	if left := b.awaitEnds(probes); len(left) > 0 {
		b.t.Fatalf("while a %s service was frozen, %v after they were requested, these transfers had not ended: %v", kind, patience, left)
	}
	if err := resume(frozen.cmd.Process); err != nil {
		b.t.Fatalf("resume %s: %v", frozen.name, err)
	}
	b.load.take(awake)
}
