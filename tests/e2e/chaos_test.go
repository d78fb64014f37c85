package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orchestrix/shared/local/localtest"
)

// recovery bounds how long the platform may take until it does everything again.
const recovery = 30 * time.Second

// Every process is killed again and again, at random moments under load. Nothing that was acknowledged is missing,
// nothing is there twice, and the views are what the log folds to.
func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	seed := seedOf(t)
	each := faultsOf(t, 3)
	random := rand.New(rand.NewPCG(seed, 0))
	c := startCluster(t, "")
	l := startLoad(t, c.commandURLs(), seed)

	kinds := c.victims()
	if logInPostgres() {
		delete(kinds, "nats")
	}
	var faults []string
	for kind := range kinds {
		for range each {
			faults = append(faults, kind)
		}
	}
	slices.Sort(faults)
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	var recoveries []time.Duration
	for i, kind := range faults {
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // a random moment
		before := time.Now()
		kinds[kind](random)
		c.awaitEverything(fmt.Sprintf("probe-%d", i), kind)
		recoveries = append(recoveries, time.Since(before))
	}
	l.end()
	checkJournal(t, c.platform, l)
	slices.Sort(recoveries)
	t.Log(l.report(fmt.Sprintf("%d kills (%d of each kind), recovery p50 %v, p99 %v, longest %v", len(faults), each,
		recoveries[len(recoveries)/2].Round(time.Millisecond), recoveries[len(recoveries)*99/100].Round(time.Millisecond),
		recoveries[len(recoveries)-1].Round(time.Millisecond))))
}

// cluster is a platform with two command services and two projection services.
type cluster struct {
	*platform
	postgres    *ownPostgres
	commands    []*program
	urls        []string
	projections []*program
}

// startCluster starts the services whose binaries have this prefix in their names.
func startCluster(t testing.TB, binaries string, env ...string) *cluster {
	t.Helper()
	postgres := newOwnPostgres(t)
	c := &cluster{platform: newPlatform(t, postgres.url()), postgres: postgres}
	c.binaries, c.env = binaries, env
	c.startNATS()
	c.startServices()
	url, admin := "http://"+localtest.FreeAddr(t), "http://"+localtest.FreeAddr(t)
	c.commands = []*program{c.command, c.startService("command", url, admin)}
	c.urls = []string{c.commandURL, url}
	c.projections = []*program{c.projection, c.startService("projection", "", "http://"+localtest.FreeAddr(t))}
	c.awaitReady()
	awaitStatus(t, admin+"/readyz", http.StatusOK)
	return c
}

func (c *cluster) commandURLs() []string { return c.urls }

// victims are what can be killed, and started again at once.
func (c *cluster) victims() map[string]func(*rand.Rand) {
	again := func(p *program) { p.kill(); p.start() }
	return map[string]func(*rand.Rand){
		"command":    func(r *rand.Rand) { again(c.commands[r.IntN(2)]) },
		"projection": func(r *rand.Rand) { again(c.projections[r.IntN(2)]) },
		"query":      func(*rand.Rand) { again(c.query) },
		"nats":       func(*rand.Rand) { again(c.nats) },
		"postgres":   func(*rand.Rand) { c.postgres.crash(); c.postgres.start() },
	}
}

// awaitEverything waits until each command service acknowledges, and the query service shows what they did.
func (c *cluster) awaitEverything(id, after string) {
	c.t.Helper()
	deadline := time.Now().Add(recovery)
	for n, url := range c.urls {
		order := fmt.Sprintf("%s-%d", id, n)
		var last error
		for {
			if last = c.probe(url, order); last == nil {
				break
			}
			if time.Now().After(deadline) {
				c.t.Fatalf("%v after a %s was killed: %v", recovery, after, last)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (c *cluster) probe(url, order string) error {
	placed, err := request(c.t.Context(), http.MethodPost, url+"/v1/commands/order/"+order+"/place", smallOrder, "Idempotency-Key", order)
	if err != nil || placed.Status != http.StatusOK {
		return fmt.Errorf("place: %v, %w", placed, err)
	}
	read, err := request(c.t.Context(), http.MethodGet, c.queryURL+"/v1/views/order-summary/"+order, "",
		"Orchestrix-Position", placed.Header.Get("Orchestrix-Position"), "Prefer", "wait=10")
	if err != nil || read.Status != http.StatusOK {
		return fmt.Errorf("read: %v, %w", read, err)
	}
	return nil
}

// crash ends Postgres as "pg_ctl stop -m immediate" does, and waits until it is gone.
func (p *ownPostgres) crash() {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.options.Dir, "*", "postmaster.pid"))
	if direct, _ := filepath.Glob(filepath.Join(p.options.Dir, "postmaster.pid")); len(files) == 0 {
		files = direct
	}
	if err != nil || len(files) != 1 {
		p.t.Fatalf("no postmaster.pid in %s: %v, %v", p.options.Dir, files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		p.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid < 2 {
		p.t.Fatalf("%s says %q", files[0], first)
	}
	if err := quit(pid); err != nil {
		p.t.Fatalf("kill %d: %v", pid, err)
	}
	eventually(p.t, "Postgres is gone", func() error {
		if isRunning(pid) {
			return fmt.Errorf("process %d is there", pid)
		}
		return nil
	})
	_ = p.running.Close() // there is nothing left to stop
}
