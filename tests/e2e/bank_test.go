package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

const (
	bankAccounts = 50
	bankClients  = 16
	bankOpen     = 4    // transfers that a client requests before it waits for their ends
	bankDeposit  = 1000 // of each account at first
	bankMost     = 300  // of a transfer
	quiet        = 5 * time.Minute
)

// bank is a platform whose clients transfer money while its services, NATS and Postgres are killed.
type bank struct {
	*cluster
	load      *load
	processes []*program
	transfers int
	probes    int          // transfers that the test itself requests
	requested atomic.Int64 // requests with an answer
}

// Clients move money between accounts, as in Jepsen's bank test, while every kind of process is killed. When it is quiet,
// no money was made or lost, every transfer has ended, and each has moved its money once.
func TestBank(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	if logInPostgres() {
		t.Skip(noBus)
	}
	seed := seedOf(t)
	faults := faultsOf(t, 3)
	b := startBank(t, max(min(2000, 200*faults), 30*faults))
	b.open()
	clients := b.startClients(seed)
	random := rand.New(rand.NewPCG(seed, 0))
	kinds := b.faults(random, faults)
	for i, kind := range kinds {
		b.awaitRequests(b.transfers * (i + 1) / (faults + 1))
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // a random moment
		b.fault(kind, random)
	}
	clients.Wait()
	took := b.awaitQuiet()
	report, problems := b.audit()
	for _, problem := range problems {
		t.Error(problem)
	}
	checkJournal(t, b.platform, b.load)
	t.Log(b.load.report(fmt.Sprintf("%d faults %v; %s; quiet after %v", faults, countOf(kinds), report, took.Round(time.Millisecond))))
}

// TestBank can fail: where every command gets a new id each time that it is sent, a repeated command takes effect twice.
// These accounts recognise a repetition by the command id only; with stable ids, that suffices.
func TestBankNeedsItsCommandIDs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if logInPostgres() {
		t.Skip(noBus)
	}
	for _, variant := range []string{forgetful, wild} {
		seed := seedOf(t)
		b := startBank(t, 300, bankVariant+"="+variant)
		b.open()
		b.startClients(seed).Wait()
		b.awaitQuiet()
		report, problems := b.audit()
		if variant == forgetful {
			for _, problem := range problems {
				t.Error(problem)
			}
		} else if len(problems) == 0 {
			t.Error("no command took effect twice, or the audit does not detect it")
		}
		t.Logf("%s: %s; %d problems", variant, report, len(problems))
	}
}

const noBus = "with the log in Postgres there is no bus, and no process"

func startBank(t testing.TB, transfers int, env ...string) *bank {
	t.Helper()
	linkBank(t)
	b := &bank{cluster: startCluster(t, bankBinaries, env...), transfers: transfers}
	for range 2 {
		admin := "http://" + localtest.FreeAddr(t)
		b.processes = append(b.processes, b.startService("process", "", admin))
		awaitStatus(t, admin+"/readyz", http.StatusOK)
	}
	b.load = &load{urls: b.urls, stop: make(chan struct{})}
	return b
}

// faults are as many faults as asked for, of each kind as often as of the others, in a random order.
func (b *bank) faults(random *rand.Rand, n int) []string {
	kinds := []string{"process", "command", "nats", "projection", "postgres", "query"}
	var faults []string
	for i := range n {
		faults = append(faults, kinds[i%len(kinds)])
	}
	random.Shuffle(n, func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	return faults
}

// fault kills one process and starts it again.
func (b *bank) fault(kind string, random *rand.Rand) {
	if kind == "process" {
		p := b.processes[random.IntN(2)]
		p.kill()
		p.start()
		return
	}
	b.victims()[kind](random)
}

func countOf(kinds []string) map[string]int {
	count := map[string]int{}
	for _, kind := range kinds {
		count[kind]++
	}
	return count
}

// open opens the accounts and pays in the initial deposit.
func (b *bank) open() {
	for i := range bankAccounts {
		account := fmt.Sprintf("account/a-%d/", i)
		b.post(account+"open", `{"owner":"o","currency":"EUR"}`)
		b.post(account+"deposit", fmt.Sprintf(`{"amount":"%d"}`, bankDeposit))
	}
}

// startClients starts the clients. Some of their transfers exceed the balance, some are to an account that does not exist.
func (b *bank) startClients(seed uint64) *sync.WaitGroup {
	var clients sync.WaitGroup
	for c := range bankClients {
		random := rand.New(rand.NewPCG(seed, uint64(c+1)))
		clients.Go(func() {
			var open []string
			for n := c; n < b.transfers-b.probes; n += bankClients {
				open = append(open, b.request(b.t.Context(), b.load, random, n))
				if len(open) == bankOpen {
					b.awaitEnds(open) // up to its time limit
					open = nil
				}
			}
		})
	}
	return &clients
}

// request requests transfer n, of the services of that load.
func (b *bank) request(ctx context.Context, l *load, random *rand.Rand, n int) string {
	from := random.IntN(bankAccounts)
	to := fmt.Sprintf("a-%d", (from+1+random.IntN(bankAccounts-1))%bankAccounts)
	if random.IntN(40) == 0 {
		to = "unknown"
	}
	body := fmt.Sprintf(`{"from":"a-%d","to":%q,"amount":"%d.%02d","currency":"EUR"}`, from, to, 1+random.IntN(bankMost), random.IntN(100))
	id := fmt.Sprintf("t-%d", n)
	l.send(ctx, random, "transfer/"+id+"/request", body, id)
	b.requested.Add(1)
	return id
}

// awaitEnds waits until a client sees that the transfers have ended. At its time limit it returns those that have not.
func (b *bank) awaitEnds(transfers []string) []string {
	for deadline := time.Now().Add(patience); len(transfers) > 0 && time.Now().Before(deadline) && b.t.Context().Err() == nil; {
		a, err := request(b.t.Context(), http.MethodGet, b.queryURL+"/v1/views/transfers/"+transfers[0], "")
		if status := a.field("data.status"); err == nil && (status == "completed" || status == "failed") {
			transfers = transfers[1:]
			continue
		}
		time.Sleep(50 * time.Millisecond)
	}
	return transfers
}

// awaitRequests waits until n transfers are requested.
func (b *bank) awaitRequests(n int) {
	b.t.Helper()
	eventually(b.t, "the clients make progress", func() error {
		if got := b.requested.Load(); got < int64(n) {
			return fmt.Errorf("%d of %d transfers are requested", got, n)
		}
		return nil
	})
}

// awaitQuiet waits until every transfer has ended and no account holds an open one. It returns the time that this took.
func (b *bank) awaitQuiet() time.Duration {
	b.t.Helper()
	start := time.Now()
	for {
		err := b.quiet()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > quiet {
			b.t.Fatalf("%v after the last request: %v", quiet, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func (b *bank) quiet() error {
	open, err := request(b.t.Context(), http.MethodGet, b.queryURL+"/v1/views/transfers?limit=1&status=requested", "")
	if err != nil || open.Status != http.StatusOK {
		return fmt.Errorf("the transfers: %v, %w", open, err)
	}
	if items, ok := open.field("items").([]any); !ok || len(items) > 0 {
		return fmt.Errorf("a transfer has not ended: %s", open)
	}
	for i := range bankAccounts {
		a, err := request(b.t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/streams/account/a-%d", b.queryURL, i), "")
		if err != nil || a.Status != http.StatusOK {
			return fmt.Errorf("account %d: %v, %w", i, a, err)
		}
		if entries, ok := a.field("state.entries").(map[string]any); ok && len(entries) > 0 {
			return fmt.Errorf("account %d has not settled everything: %s", i, a)
		}
	}
	if n := len(b.list("transfers", "")); n != b.transfers {
		return fmt.Errorf("the view has %d of %d transfers", n, b.transfers)
	}
	return nil
}

// audit folds the log without the code of the product and compares the views with the result.
func (b *bank) audit() (report string, problems []string) {
	a := &auditor{balances: map[string]int64{}, transfers: map[string]*audited{}}
	events := readLog(b.t, b.platform)
	slices.SortStableFunc(events, func(x, y logged) int { return int(x.StreamVersion - y.StreamVersion) })
	for _, e := range events {
		if err := a.take(e); err != nil {
			a.problem("%s version %v: %v", e.Subject, e.StreamVersion, err)
		}
	}
	a.finish(b.transfers)
	a.compare(b.platform)
	return a.report(), a.problems
}

var errForeign = errors.New("an event that the audit does not know")

func fields(data json.RawMessage) (map[string]string, error) {
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range all {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts, nil
}
