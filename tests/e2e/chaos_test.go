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
	"syscall"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// recovery limits the time from a kill until all services work again.
const recovery = 30 * time.Second

// Every process is killed repeatedly, at random moments under load. No acknowledged command is missing, none is in the
// log twice, and the views equal the folded log.
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

// cluster is a platform with two command services and two projection platform.
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

// victims are the processes that the test kills and starts again.
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

// awaitEverything waits until each command service acknowledges a command and the query service shows its effect.
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

// pidFiles returns the postmaster.pid of a running server. A server that has ended in order has removed it.
func (p *ownPostgres) pidFiles() []string {
	files, _ := filepath.Glob(filepath.Join(p.options.Dir, "*", "postmaster.pid")) // the pattern is well-formed
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(p.options.Dir, "postmaster.pid"))
	}
	return files
}

// crash ends Postgres as "pg_ctl stop -m immediate" does, and waits until it is gone.
func (p *ownPostgres) crash() {
	p.t.Helper()
	files := p.pidFiles()
	if len(files) != 1 {
		p.t.Fatalf("no postmaster.pid in %s: %v", p.options.Dir, files)
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
	postmaster, err := os.FindProcess(pid)
	if err == nil {
		err = postmaster.Signal(syscall.SIGQUIT)
	}
	if err != nil {
		p.t.Fatalf("SIGQUIT to %d: %v", pid, err)
	}
	eventually(p.t, "Postgres has ended", func() error {
		if postmaster.Signal(syscall.Signal(0)) == nil {
			return fmt.Errorf("process %d still runs", pid)
		}
		return nil
	})
	_ = p.running.Close() // there is nothing left to stop
}
