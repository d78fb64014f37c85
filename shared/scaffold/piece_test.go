package scaffold_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/scaffold"
)

const own = "github.com/orchestrix-go/orchestrix"

// project is a new project without contexts, in a temporary directory.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod = bytes.Replace(mod, []byte("module "+own), []byte("module shop"), 1)
	mod = append(mod, "\nrequire "+own+" v0.0.0\nreplace "+own+" => "+strconv.Quote(checkout)+"\n"...)
	put(t, filepath.Join(dir, "go.mod"), string(mod))
	put(t, filepath.Join(dir, "go.sum"), string(sum))
	put(t, filepath.Join(dir, "domain", "domain.go"), `// Package domain lists the bounded contexts.
package domain

import "`+own+`/shared/es"

// Modules returns the bounded contexts that all services run.
func Modules() []es.Module { return []es.Module{} }
`)
	put(t, filepath.Join(dir, "domain", "domain_test.go"), `package domain_test

import (
	"testing"

	"`+own+`/shared/es"

	"shop/domain"
)

func TestModulesFitTogether(t *testing.T) {
	t.Parallel()
	if err := es.Check(domain.Modules()...); err != nil {
		t.Error(err)
	}
}
`)
	return dir
}

// library adds a context that was written by hand.
func library(t *testing.T, dir string) {
	t.Helper()
	for name, text := range tree(t, "testdata/library") {
		if text != "" {
			put(t, filepath.Join(dir, "domain", "library", name), text)
		}
	}
	path := filepath.Join(dir, "domain", "domain.go")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body = bytes.Replace(body, []byte("[]es.Module{}"), []byte("[]es.Module{library.Module()}"), 1)
	body = bytes.Replace(body, []byte("\nimport \""+own+"/shared/es\""), []byte("\nimport (\n\t\""+own+"/shared/es\"\n\n\t\"shop/domain/library\"\n)"), 1)
	put(t, path, string(body))
}

// piece runs one command: "aggregate billing invoice --command open".
func piece(d *scaffold.Domain, line string) error {
	var args []string
	flags := map[string]string{}
	for words := strings.Fields(line); len(words) > 0; words = words[1:] {
		if flag, ok := strings.CutPrefix(words[0], "--"); ok {
			flags[flag], words = words[1], words[1:]
		} else {
			args = append(args, words[0])
		}
	}
	args = append(args, "", "", "")
	switch args[0] {
	case "context":
		return d.Context(args[1])
	case "aggregate":
		return d.Aggregate(args[1], args[2], scaffold.AggregateOptions{Command: flags["command"], Event: flags["event"]})
	case "command":
		return d.Command(args[1], args[2], args[3], scaffold.CommandOptions{Event: flags["event"], Internal: flags["internal"] != ""})
	case "event":
		return d.Event(args[1], args[2], args[3])
	case "view":
		return d.View(args[1], args[2], scaffold.ViewOptions{Aggregate: flags["aggregate"], Events: strings.FieldsFunc(flags["event"], func(r rune) bool { return r == ',' })})
	case "query":
		return d.Query(args[1], args[2], scaffold.QueryOptions{View: flags["view"]})
	case "process":
		after, err := time.ParseDuration(flags["after"])
		if err != nil {
			after = 15 * time.Minute
		}
		return d.Process(args[1], args[2], scaffold.ProcessOptions{
			Aggregate: flags["aggregate"], Event: flags["event"], Until: flags["until"], Command: flags["command"], After: after,
		})
	}
	panic(line)
}

// run runs one command and writes its changes.
func run(dir, line string, force bool) (scaffold.Report, error) {
	d, err := scaffold.OpenDomain(filepath.Join(dir, "domain"), "go tool orchestrix", force)
	if err != nil {
		return scaffold.Report{}, err
	}
	if err := piece(d, line); err != nil {
		return scaffold.Report{}, err
	}
	return d.Apply()
}

func mustRun(t *testing.T, dir string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		report, err := run(dir, line, false)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if report.Empty() {
			t.Errorf("%s has changed nothing", line)
		}
	}
}

// all are commands whose pieces are in one project.
var all = []string{
	"context billing",
	"aggregate billing invoice",
	"command billing invoice pay",
	"command billing invoice change-address --internal yes",
	"command billing invoice set",                        // the event is named like the command
	"command billing invoice open-invoice",               // ends with the name of the aggregate
	"command billing invoice settle --event InvoicePaid", // the event of another command
	"event billing invoice InvoiceReminded",
	"view billing invoices",
	"view billing open-invoices --event InvoiceCreated,InvoicePaid",
	"query billing LatestInvoices --view open-invoices",
	"process billing reminder --command pay --until InvoicePaid --after 336h",
	"process billing monitor --event invoice-paid --after 1s",
	"aggregate billing refund", // its first command is named like that of the invoice
	"command billing refund pay",
	"view billing refund-summary --aggregate refund",

	"context customer", // named like its aggregate
	"aggregate customer customer --command register",
	"command customer customer move",
	"view customer customer-summary",
	"process customer welcome-process",

	"context OrderEntry",
	"aggregate order-entry item --command add --event ItemReturn", // whose method would be a keyword
	"view order-entry stock",
	"aggregate order-entry IBANCheck",
	"aggregate order-entry robot-arm", // whose file would be for one processor
	"aggregate order-entry estimate",  // whose receiver would hide the package es
	"aggregate order-entry time",      // named like packages
	"aggregate order-entry context",
	"view order-entry time-list --aggregate time",
	"query order-entry contexts-query --view stock",
	"process order-entry time --aggregate time",

	"context returns", // its pieces come in another order
	"aggregate returns dispute --command open --event DisputeOpened",
	"process returns escalation --after 24h",
	"view returns disputes",
	"query returns disputes-by-key",
	"command returns dispute close",
	"event returns dispute DisputeNoted",
	"process returns reopening --event DisputeClosed --until DisputeNoted --command open",

	"command library book lose", // whose method would be a helper
	"command library book lend-again --event BookLent",
	"event library book BookRepaired",
	"view library books --aggregate book",
	"query library books-of-readers",
	"process library overdue --aggregate book --until BookReturned --command return",
	"aggregate library reader",
}

func TestPiecesAreGreen(t *testing.T) {
	t.Parallel()
	dir := project(t)
	library(t, dir)
	mustRun(t, dir, all...)
	before := tree(t, dir)
	for _, line := range all {
		if report, err := run(dir, line, false); err != nil || !report.Empty() {
			t.Errorf("the second %s: %v, %v", line, report, err)
		}
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the second run has changed files")
	}
	command := exec.CommandContext(t.Context(), "go", "test", "-vet=all", "./...")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go test: %v\n%s", err, out)
	}
}
