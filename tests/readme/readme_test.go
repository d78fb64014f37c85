package readme

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

// helpOf is the variable that makes the test program a service, by its name: one program is linked instead of four.
const helpOf = "README_TEST_HELP_OF"

var configs = map[string]service.Config{
	"command": &service.CommandConfig{}, "projection": &service.ProjectionConfig{},
	"query": &service.QueryConfig{}, "process": &service.ProcessConfig{},
}

// Every variable that a service shows with -h is in the guide to the configuration.
func TestTheGuideNamesEveryVariable(t *testing.T) {
	t.Parallel()
	const path = "docs/guides/configuration.md"
	text, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	for name := range configs {
		command := exec.CommandContext(t.Context(), os.Args[0], "-h")
		command.Env = append(command.Environ(), helpOf+"="+name)
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%s -h: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) < 10 {
			t.Fatalf("%s -h shows %d lines", name, len(lines))
		}
		for _, line := range lines[3:] {
			if variable := strings.Fields(line)[0]; !strings.Contains(string(text), "| `"+variable+"` |") {
				t.Errorf("%s does not name %s of the %s service", path, variable, name)
			}
		}
	}
}
