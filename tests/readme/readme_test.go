package readme

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The context of the README and the saga of its guide are compiled in their place, without being written there, and their
// tests are run.
func TestTheContextOfTheReadmeWorks(t *testing.T) {
	t.Parallel()
	var source, process, test string
	for _, b := range append(blocks(t, "README.md"), blocks(t, "docs/guides/sagas.md")...) {
		switch {
		case b.language != "go":
		case strings.HasPrefix(b.text, "// Package library"):
			source = b.text
		case strings.HasPrefix(b.text, "package library"):
			process = b.text
		case strings.HasPrefix(b.text, "func Test"):
			test += "\n" + b.text
		}
	}
	if source == "" || process == "" || strings.Count(test, "func Test") != 2 {
		t.Fatal("the README shows no context, its guide no saga, or one of them no test")
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

// Every variable that a service shows with -h is in the guide to the configuration.
func TestTheGuideNamesEveryVariable(t *testing.T) {
	t.Parallel()
	const path = "docs/guides/configuration.md"
	text, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
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
			if variable := strings.Fields(line)[0]; !strings.Contains(string(text), "| `"+variable+"` |") {
				t.Errorf("%s does not name %s of the %s service", path, variable, service)
			}
		}
	}
}
