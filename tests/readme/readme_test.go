package readme

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The context of "Add a context" is put in its place, without writing it there, and its test is run.
func TestTheContextOfTheReadmeWorks(t *testing.T) {
	t.Parallel()
	var source, process, test string
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme(t), -1) {
		switch {
		case strings.HasPrefix(block[1], "// Package library"):
			source = block[1]
		case strings.HasPrefix(block[1], "package library"):
			process = block[1]
		case strings.HasPrefix(block[1], "func Test"):
			test += "\n" + block[1]
		}
	}
	if source == "" || process == "" || strings.Count(test, "func Test") != 2 {
		t.Fatal("the README shows no context, no process, or no test of one of them")
	}
	test = "package library_test\n\nimport (\n\"testing\"\n\"time\"\n\n\"orchestrix/domain\"\n\"orchestrix/domain/library\"\n" +
		"\"orchestrix/shared/es\"\n\"orchestrix/shared/es/estest\"\n)\n" + test +
		"\nfunc TestItIsRegistered(t *testing.T) {\n\tregistry, err := es.NewRegistry(domain.Modules()...)\n" +
		"\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n\tif _, ok := registry.View(\"loans\"); !ok {\n\t\tt.Error(\"no view\")\n\t}\n}\n"
	const deciders = "[]es.DeciderDef{BookDecider}"
	if !strings.Contains(source, deciders) {
		t.Fatalf("the module of the README does not say %s", deciders)
	}
	source = strings.Replace(source, deciders, "[]es.DeciderDef{BookDecider, ExchangeDecider},\n\t\tProcesses: []es.ProcessDef{Exchange}", 1)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	domain, err := os.ReadFile(filepath.Join(root, "domain", "domain.go"))
	if err != nil {
		t.Fatal(err)
	}
	extended := strings.Replace(string(domain), "ordering.Module(),", "ordering.Module(),\n\t\tlibrary.Module(),", 1)
	extended = strings.Replace(extended, "import (", "import (\n\t\"orchestrix/domain/library\"", 1)
	files := map[string]string{"domain/library/library.go": source, "domain/library/exchange.go": process, "domain/library/library_test.go": test, "domain/domain.go": extended}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	dir := t.TempDir()
	for path, text := range files {
		file := filepath.Join(dir, strings.ReplaceAll(path, "/", "_")+".txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(root, path)] = file
	}
	body, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "library.test.exe")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-o", binary, "-overlay", file, "./domain/library")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), binary).CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Every variable that a service shows with -h is in the README.
func TestTheReadmeNamesEveryVariable(t *testing.T) {
	t.Parallel()
	text := readme(t)
	for _, service := range []string{"command", "projection", "query", "process"} {
		out, err := exec.CommandContext(t.Context(), "go", "run", "orchestrix/services/"+service, "-h").Output()
		if err != nil {
			t.Fatalf("%s -h: %v", service, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) < 10 {
			t.Fatalf("%s -h shows %d lines", service, len(lines))
		}
		for _, line := range lines[3:] {
			if variable := strings.Fields(line)[0]; !strings.Contains(text, "| `"+variable+"` |") {
				t.Errorf("the README does not name %s of the %s service", variable, service)
			}
		}
	}
}
