package readme

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goPage is a guide whose Go blocks are compiled as one file of the tree. before declares what the blocks use and the guide
// leaves out.
type goPage struct{ page, file, before string }

var goPages = []goPage{
	{page: "docs/guides/model-an-aggregate.md", file: "domain/model/model.go", before: `
		type (
			Money = banking.Money
			Order struct{}
			Ship struct{}
			OrderShipped struct{}
		)
		func (Order) ship(Ship) ([]es.Event, error) { return es.Accept(OrderShipped{}) }
		func (o Order) shipped(OrderShipped) Order { return o }`},
	{page: "docs/guides/change-an-event.md", file: "domain/library/change.go", before: `
		func lentV1ToV2(old BookLentV1) BookLent { return BookLent{Reader: old.Name} }`},
	{page: "docs/guides/views-and-queries.md", file: "domain/views/views.go", before: `
		type (
			OrderPlaced struct{ Country string }
			CountrySales struct{ Orders int; NetTotal string }
			CustomerSales = ordering.CustomerSales
			TopCustomersParams = ordering.TopCustomersParams
			TopCustomers = ordering.TopCustomers
		)
		var SalesByCustomer = ordering.SalesByCustomer
		func (e OrderPlaced) country() string { return e.Country }
		func (s *CountrySales) placed(OrderPlaced) { s.Orders++ }`},
	{page: "docs/guides/test-a-domain.md", file: "domain/library/domain_test.go", before: `
		var (
			placed = ordering.OrderPlaced{Sale: ordering.Sale{Country: "France", CustomerID: "VINET", CustomerName: "Vins et alcools Chevalier"}}
			cancelled = ordering.OrderCancelled{Sale: placed.Sale}
		)`},
	{page: "docs/guides/extend-the-program.md", file: "domain/extend/extend.go"},
}

// goPackages are the packages that blocks may use without an import.
var goPackages = []string{
	"context", "crypto/subtle", "errors", "io", "net/http", "testing", "time", "github.com/orchestrix-go/orchestrix/domain", "github.com/orchestrix-go/orchestrix/shared/app",
	"github.com/orchestrix-go/orchestrix/domain/banking", "github.com/orchestrix-go/orchestrix/domain/library", "github.com/orchestrix-go/orchestrix/domain/ordering",
	"github.com/orchestrix-go/orchestrix/shared/es", "github.com/orchestrix-go/orchestrix/shared/es/estest",
}

// goSource makes a file of the blocks of a guide.
func goSource(t *testing.T, p goPage) string {
	t.Helper()
	body := p.before
	for _, b := range blocks(t, p.page) {
		if b.language == "go" {
			for chunk := range strings.SplitSeq(strings.TrimSpace(b.text), "\n\n") {
				body += "\n\n" + declaration(t, chunk, strings.Count(body, "\n"))
			}
		}
	}
	name := path.Base(path.Dir(p.file))
	own := "github.com/orchestrix-go/orchestrix/" + path.Dir(p.file)
	if strings.HasSuffix(p.file, "_test.go") {
		name, own = name+"_test", ""
	}
	source := "package " + name + "\n"
	for _, imported := range goPackages {
		if imported != own && regexp.MustCompile(`\b`+path.Base(imported)+`\.`).MatchString(body) {
			source += fmt.Sprintf("\nimport %q", imported)
		}
	}
	return source + "\n" + body
}

var declares = regexp.MustCompile(`^(//|(type|var|func|const)\b)`)

// declaration makes a part of a block, up to an empty line, a declaration: an option of the package es the value of a
// variable, statements a test.
func declaration(t *testing.T, chunk string, line int) string {
	t.Helper()
	switch {
	case declares.MatchString(chunk):
		return chunk
	case strings.HasPrefix(chunk, "es."):
		return "var _ = " + strings.TrimSuffix(chunk, ",")
	}
	return fmt.Sprintf("func TestLine%d(t *testing.T) {\n%s\n}", line, chunk)
}

// libraryFiles are the context of the README and the saga of its guide, in the places that the documents name.
func libraryFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	var source, test string
	var processes []string // of exchange.go and loan.go
	for _, b := range append(blocks(t, "README.md"), blocks(t, "docs/guides/sagas.md")...) {
		switch {
		case b.language != "go":
		case strings.HasPrefix(b.text, "// Package library"):
			source = b.text
		case strings.HasPrefix(b.text, "package library"):
			processes = append(processes, b.text)
		case strings.HasPrefix(b.text, "func Test"):
			test += "\n" + b.text
		}
	}
	if source == "" || len(processes) != 2 || strings.Count(test, "func Test") != 3 {
		t.Fatal("the README shows no context, its guide no saga and no process, or one of them no test")
	}
	test = "package library_test\n\nimport (\n\"testing\"\n\"time\"\n\n\"github.com/orchestrix-go/orchestrix/domain\"\n\"github.com/orchestrix-go/orchestrix/domain/library\"\n" +
		"\"github.com/orchestrix-go/orchestrix/shared/es\"\n\"github.com/orchestrix-go/orchestrix/shared/es/compile\"\n\"github.com/orchestrix-go/orchestrix/shared/es/estest\"\n)\n" + test +
		"\nfunc TestItIsRegistered(t *testing.T) {\n\tregistry, err := compile.Modules(domain.Modules()...)\n" +
		"\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n\tif _, ok := registry.View(\"loans\"); !ok {\n\t\tt.Error(\"no view\")\n\t}\n}\n"
	const deciders = "[]es.DeciderDef{BookDecider}"
	if !strings.Contains(source, deciders) {
		t.Fatalf("the module of the README does not say %s", deciders)
	}
	source = strings.Replace(source, deciders, "[]es.DeciderDef{BookDecider, ExchangeDecider},\n\t\tProcesses: []es.ProcessDef{Exchange, Loan}", 1)
	domain, err := os.ReadFile(filepath.Join(root, "domain", "domain.go"))
	if err != nil {
		t.Fatal(err)
	}
	extended := strings.Replace(string(domain), "ordering.Module(),", "ordering.Module(),\n\t\tlibrary.Module(),", 1)
	extended = strings.Replace(extended, "import (", "import (\n\t\"github.com/orchestrix-go/orchestrix/domain/library\"", 1)
	return map[string]string{
		"domain/library/library.go": source, "domain/library/exchange.go": processes[0], "domain/library/loan.go": processes[1],
		"domain/library/library_test.go": test, "domain/domain.go": extended,
	}
}

// overlay writes an overlay of the Go command: files of the tree that are not there, by their path in it.
func overlay(t *testing.T, root string, files map[string]string) (written string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for name, text := range files {
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "_")+".txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = file
	}
	body, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	written = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(written, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return written
}

// The Go of the README and of the guides is compiled in its place, without being written there, and its tests are run.
func TestTheGoOfTheDocumentsWorks(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	files := libraryFiles(t, root)
	packages := []string{"./domain/library"}
	for _, p := range goPages {
		files[p.file] = goSource(t, p)
		if dir := "./" + path.Dir(p.file); !slices.Contains(packages, dir) {
			packages = append(packages, dir)
		}
	}
	file := overlay(t, root, files)
	build := exec.CommandContext(t.Context(), "go", append([]string{"build", "-overlay", file}, packages...)...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binary := filepath.Join(t.TempDir(), "library.test.exe")
	compile := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-o", binary, "-overlay", file, "./domain/library")
	compile.Dir = root
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), binary, "-test.v").CombinedOutput()
	if passed := strings.Count(string(out), "--- PASS: "); err != nil || passed < 5 {
		t.Errorf("%d tests pass (%v)\n%s", passed, err, out)
	}
}

// No guide has Go that the test above does not compile.
func TestTheGoOfEveryGuideIsCompiled(t *testing.T) {
	t.Parallel()
	compiled := []string{"README.md", "docs/guides/sagas.md", "docs/guides/first-project.md"} // the last one by tests/door
	for _, p := range goPages {
		compiled = append(compiled, p.page)
	}
	for _, page := range pages(t) {
		page = strings.TrimPrefix(filepath.ToSlash(page), "../../")
		isGo := func(b block) bool { return b.language == "go" }
		if slices.ContainsFunc(blocks(t, page), isGo) && !slices.Contains(compiled, page) {
			t.Errorf("%s has Go blocks: add it to goPages", page)
		}
	}
}
