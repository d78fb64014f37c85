package scaffold_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/scaffold"
)

// Each bad command is refused with one sentence, and writes nothing.
func TestBadPiecesAreRefused(t *testing.T) {
	t.Parallel()
	dir := project(t)
	library(t, dir)
	mustRun(t, dir, "context billing", "aggregate billing invoice", "aggregate billing refund --command give", "view billing invoices --aggregate invoice",
		"view billing refunds --aggregate refund", "context shipping", "aggregate shipping parcel", "context empty")
	before := tree(t, dir)
	for line, want := range map[string]string{
		"context func":                                         "keyword",
		"context string":                                       "predeclared",
		"context time":                                         "context uses",
		"context bill.ing":                                     "letters, digits",
		"context 2billing":                                     "does not start with a letter",
		"context " + strings.Repeat("a", 65):                   "at most 64",
		"context process":                                      "process instances",
		"view billing processes --aggregate invoice":           "process instances",
		"aggregate biling invoice":                             "it has billing, empty, library, shipping",
		"aggregate billing type":                               "keyword",
		"aggregate billing in/voice":                           "letters, digits",
		"aggregate billing process-step":                       "processes",
		"aggregate shipping invoice":                           "domain/billing/invoice.go has the decider",
		"aggregate billing create":                             "needs the name Create,",
		"command billing invoce pay":                           "it has invoice, refund",
		"command billing invoice return":                       "keyword",
		"command billing invoice p --event é":                  "letters, digits",
		"command billing invoice issue --event InvoiceCreated": "event InvoiceCreated begins an invoice",
		"command library shelf empty":                          "is no type of the package",
		"event billing refund InvoiceCreated":                  "is one of aggregate \"invoice\"",
		"event billing invoice Create":                         "needs the name Create",
		"view billing totals":                                  "choose one with --aggregate",
		"view empty totals":                                    "context empty has none",
		"view billing invoice --aggregate invoice":             "needs the name Invoice,",
		"view shipping invoices":                               "unique in a program",
		"view shipping parcels --event Lost":                   "it has ParcelCreated",
		"view shipping " + strings.Repeat("v", 41):             "room for 40",
		"query billing latest":                                 "choose one with --view",
		"query shipping latest":                                "context shipping has none",
		"query billing latest --view bills":                    "it has invoices, refunds",
		"process shipping lost --command lose":                 "it has create",
		"process shipping lost --until ParcelCreated":          "begin and end",
		"process shipping lost --after 10ms":                   "whole seconds",
		"process shipping lost --after -1h":                    "whole seconds",
		"process shipping lost --after 0s":                     "whole seconds",
		"process shipping " + strings.Repeat("p", 60):          "at most 64",
	} {
		_, err := run(dir, line, false)
		switch {
		case err == nil:
			t.Errorf("%s is accepted", line)
		case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: %q does not have %q, or is not one line", line, err, want)
		}
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("a refused command has changed files")
	}
}

// What was edited by hand, so that a piece has no place, is refused with what to add.
func TestNoPlaceForAPiece(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, old, new, line, want string }{
		{"domain/domain.go", "func Modules()", "func All()", "context shipping", "add shipping.Module() to the modules by hand"},
		{"domain/domain.go", "[]es.Module{", "append([]es.Module(nil), ", "context shipping", ""},
		{"domain/domain.go", "package domain", "package", "context shipping", "repair the file first"},
		{"domain/billing/module.go", "return es.Module{", "return module{", "aggregate billing refund", "has no context"},
		{"domain/billing/module.go", "[]es.DeciderDef{InvoiceDecider}", "deciders()", "aggregate billing refund", "add RefundDecider to the Deciders of the module by hand"},
		{"domain/billing/invoice.go", "es.Commands[Invoice]{", "handlers(", "command billing invoice pay", ""},
		{"domain/billing/invoice.go", "Category: \"invoice\"", "Category: category", "command billing invoice pay", "has no aggregate"},
		{"domain/billing/invoice.go", "var InvoiceDecider =", "var invoiceDecider =", "command billing invoice pay", "add es.Handle(\"pay\", …) to its commands by hand"},
		{"domain/billing/invoice.go", "package billing", "package billing\n\nfunc {", "command billing invoice pay", "repair the file first"},
		{"go.mod", "module shop", "// no module", "context shipping", "is not in a project"},
	} {
		dir := project(t)
		mustRun(t, dir, "context billing", "aggregate billing invoice")
		path := filepath.Join(dir, filepath.FromSlash(c.file))
		body, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(body), c.old) {
			t.Fatalf("%s has no %q, %v", c.file, c.old, err)
		}
		put(t, path, strings.Replace(string(body), c.old, c.new, 1))
		before := tree(t, dir)
		if _, err := run(dir, c.line, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s, %s: %v", c.old, c.new, c.line, err)
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Errorf("%s → %s: %s has changed files", c.old, c.new, c.line)
		}
	}
}

func TestOutsideOfAProject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := scaffold.OpenDomain(dir, "go tool orchestrix", false); err == nil || !strings.Contains(err.Error(), "'go tool orchestrix new app DIR'") {
		t.Error(err)
	}
	put(t, filepath.Join(dir, "go.mod"), "module other\n")
	if _, err := scaffold.OpenDomain(dir, "orchestrix", false); err == nil || !strings.Contains(err.Error(), "no domain/domain.go") {
		t.Error(err)
	}
}

// A file that a piece needs and that has other content is kept.
func TestForce(t *testing.T) {
	t.Parallel()
	dir := project(t)
	mustRun(t, dir, "context billing", "aggregate billing invoice")
	path := filepath.Join(dir, "domain", "billing", "invoices_view.go")
	put(t, path, "package billing // mine\n")
	if _, err := run(dir, "view billing invoices", false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Error(err)
	}
	if report, err := run(dir, "view billing invoices", true); err != nil || len(report.Changed) != 2 {
		t.Errorf("%v, %v", report, err)
	}
	before := tree(t, dir)
	put(t, path, strings.Replace(before["domain/billing/invoices_view.go"], "at a glance", "by hand", 1))
	if report, err := run(dir, "view billing invoices", false); err != nil || !report.Empty() {
		t.Errorf("a piece that exists is written: %v, %v", report, err)
	}
	if report, err := run(dir, "view billing invoices", true); err != nil || len(report.Changed) != 1 {
		t.Errorf("%v, %v", report, err)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("--force has not restored the view")
	}
}
