package readme

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

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
