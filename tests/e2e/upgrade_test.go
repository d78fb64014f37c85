package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

const (
	upgradeFixture = "testdata/format-1" // a backup that the program of upgradeCommit has made, and what it holds
	upgradeCommit  = "57c4d45"           // the last commit of format 1

	// upgradeFrom is the variable that names the commit whose program makes a backup in this run.
	upgradeFrom = "ORCHESTRIX_UPGRADE_FROM"
	// upgradeWrite is the variable that names the directory for such a backup, to keep it as a fixture.
	upgradeWrite = "ORCHESTRIX_UPGRADE_WRITE"
)

// A backup of format 1 becomes a running installation of this version with the commands of the guide.
func TestUpgradeFromFormat1(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip(noBus)
	}
	var want carried
	text, err := os.ReadFile(filepath.Join(upgradeFixture, "expected.json"))
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(upgradeFixture, "backup"))); err != nil {
		t.Fatal(err)
	}
	upgrade(t, dir, want, nil)
}

// The same for a new backup with other commands, by the program of another commit.
func TestUpgradeFromACommit(t *testing.T) {
	commit := os.Getenv(upgradeFrom)
	if commit == "" {
		t.Skipf("%s names no commit, such as %s", upgradeFrom, upgradeCommit)
	}
	seed := seedOf(t)
	s := startSource(t, buildSource(t, commit))
	want := s.fill(rand.New(rand.NewPCG(seed, 1)))
	dir := filepath.Join(t.TempDir(), "backup")
	upgrade(t, dir, want, s)
	if keep := os.Getenv(upgradeWrite); keep != "" {
		text, err := json.MarshalIndent(want, "", " ")
		if err == nil {
			err = os.CopyFS(filepath.Join(keep, "backup"), os.DirFS(dir))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(keep, "expected.json"), append(text, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// upgrade follows the guide from a backup in dir, which s makes if it is not nil, to a running installation, and checks the result.
func upgrade(t *testing.T, dir string, want carried, s *source) {
	t.Helper()
	target := &upgraded{platform: newPlatform(t, localtest.Postgres(t)), dir: dir, want: want}
	target.startNATS()
	for _, command := range upgradeSteps(t) {
		switch {
		case strings.HasPrefix(command, "orchestrix backup "):
			if s != nil {
				target.run(s.binary, command, s.platform)
			}
		case strings.HasPrefix(command, "orchestrix restore "):
			target.startProcess() // too early: it has to wait
			target.run("orchestrix", command, target.platform)
		case command == "orchestrix verify --sample 0":
			target.continueWork()
			target.run("orchestrix", command, target.platform)
		default:
			target.run("orchestrix", command, target.platform)
		}
	}
	if !target.continued || !target.restored {
		t.Errorf("the guide does not restore all %d commits of the backup, or does not verify them", want.Commits)
	}
}

// upgradeSteps are the commands of the guide, in order.
func upgradeSteps(t *testing.T) (steps []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/guides/upgrade.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## From format 1\n")
	if !found {
		t.Fatal("the guide has no section about format 1")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "orchestrix ") {
			steps = append(steps, line)
		}
	}
	return steps
}

// upgraded is a new installation.
type upgraded struct {
	*platform
	dir                 string
	want                carried
	restored, continued bool
}

// run runs a command of the guide with the program of a platform.
func (u *upgraded) run(name, command string, on *platform) {
	u.t.Helper()
	args := strings.Fields(strings.ReplaceAll(command, "/backups/shop", u.dir))[1:]
	c := exec.CommandContext(u.t.Context(), filepath.Join(bin, name), args...)
	c.Env = append(c.Environ(), "NATS_URL="+on.natsURL, "DATABASE_URL="+on.databaseURL)
	out, err := c.CombinedOutput()
	if err != nil {
		u.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	switch args[0] {
	case "restore":
		u.restored = strings.HasPrefix(string(out), fmt.Sprint(u.want.Commits, " commits of a backup of format 1 restored"))
	case "verify":
		if !strings.Contains(string(out), " 0 findings") {
			u.t.Errorf("%s: %s", command, out)
		}
	}
}

func (u *upgraded) startProcess() {
	u.t.Helper()
	admin := "http://" + localtest.FreeAddr(u.t)
	u.startService("process", "", admin)
	awaitStatus(u.t, admin+"/readyz", http.StatusOK)
}

// continueWork starts the services, first those that read, and checks what they make of the log.
func (u *upgraded) continueWork() {
	u.t.Helper()
	u.continued = true
	u.projection = u.startService("projection", "", u.projectionHealth)
	u.query = u.startService("query", u.queryURL, u.queryHealth)
	for _, view := range upgradeViews {
		awaitStatus(u.t, u.queryURL+"/v1/views/"+view+"?limit=1", http.StatusOK)
	}
	u.checkDocuments()
	u.checkKinds()
	u.checkDeadlines()
	u.command = u.startService("command", u.commandURL, u.commandHealth)
	awaitStatus(u.t, u.commandHealth+"/readyz", http.StatusOK)
	u.checkRepetition()
	u.checkEnds()
}

// checkDocuments compares all documents but those of processes that wait: these have continued.
func (u *upgraded) checkDocuments() {
	u.t.Helper()
	for view, want := range u.want.Views {
		want := maps.Clone(want)
		eventually(u.t, "the view "+view, func() error {
			got := u.documents(view)
			for _, open := range u.want.Open {
				if view == "processes" {
					delete(got, open)
					delete(want, open)
				}
			}
			if diff := cmp.Diff(plain(u.t, want), plain(u.t, got)); diff != "" {
				return fmt.Errorf("- of the backup, + restored:\n%s", diff)
			}
			return nil
		})
	}
}

// plain are documents as values, whose members have no order.
func plain(t testing.TB, documents map[string]json.RawMessage) map[string]any {
	t.Helper()
	values := map[string]any{}
	for key, text := range documents {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		values[key] = value
	}
	return values
}

// checkKinds compares the number of events of each type, but those of processes, which continue.
func (u *upgraded) checkKinds() {
	u.t.Helper()
	got := kindsOf(u.t, tool(u.t, "events", "-o", "json", "--nats-url", u.natsURL))
	if diff := cmp.Diff(u.want.Kinds, got); diff != "" {
		u.t.Errorf("events by type, - of the backup, + restored:\n%s", diff)
	}
}

// checkDeadlines waits until the deadlines of the processes that wait have passed. No backup holds deadlines: the process service
// has set them again. Their commands are not executed yet, as no command service runs.
func (u *upgraded) checkDeadlines() {
	u.t.Helper()
	eventually(u.t, "the deadlines of the processes", func() error {
		for _, open := range u.want.Open {
			if status := u.get("/v1/views/processes/" + open).field("data.status"); status != "compensating" {
				return fmt.Errorf("%s is %v", open, status)
			}
		}
		return nil
	})
}

// checkRepetition sends a command of before the upgrade again.
func (u *upgraded) checkRepetition() {
	u.t.Helper()
	a := u.post("account/a-0/open", openAccount, "Idempotency-Key", "open-account-a-0")
	if a.Header.Get("Orchestrix-Repeated") != "true" || a.field("version") != 1.0 {
		u.t.Errorf("a command of before is repeated: %v %v", a, a.Header)
	}
}

// checkEnds waits until all processes have ended, and compares the money with what it was.
func (u *upgraded) checkEnds() {
	u.t.Helper()
	eventually(u.t, "the end of the processes", func() error {
		for _, item := range u.list("processes", "") {
			if status := item["data"].(map[string]any)["status"]; !slices.Contains([]any{"completed", "failed"}, status) {
				return fmt.Errorf("%v is %v", item["key"], status)
			}
		}
		return nil
	})
	want := rat(bankTotal(u.t, u.want.Views["bank-total"], "total"))
	eventually(u.t, "the balances", func() error {
		now := u.documents("bank-total")
		total, balances := rat(bankTotal(u.t, now, "total")), rat(bankTotal(u.t, now, "balances"))
		if total.Cmp(want) != 0 || balances.Cmp(want) != 0 {
			return fmt.Errorf("the bank holds %s in accounts of %s, and held %s", show(balances), show(total), show(want))
		}
		return nil
	})
}

func show(amount *big.Rat) string { return amount.FloatString(4) }

// bankTotal is an amount of the only currency.
func bankTotal(t testing.TB, documents map[string]json.RawMessage, field string) any {
	t.Helper()
	document, ok := plain(t, documents)["EUR"].(map[string]any)
	if !ok || len(documents) != 1 {
		t.Fatalf("the bank has the currencies %v", documents)
	}
	return document[field]
}
