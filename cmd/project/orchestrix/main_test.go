package main

import (
	"strings"
	"testing"
)

func TestTheToolSaysWhereTheOtherCommandsAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   string
		status int
		out    string
		err    string
	}{
		{"", 0, "go tool orchestrix [command]", ""},
		{"--help", 0, "'go run . -h' in its directory shows them", ""},
		{"new view -h", 0, "  go tool orchestrix new view billing invoices\n", ""},
		{"events", 1, "", "orchestrix: this tool has no command \"events\", only new: the other commands are in the program of the project, 'go run . -h' shows them\n"},
		{"new view billing", 1, "", "accepts 2 arg(s), received 1"},
	} {
		var out, errOut strings.Builder
		status := run(t.Context(), strings.Fields(c.args), &out, &errOut)
		if status != c.status || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.err) {
			t.Errorf("%q ends with %d, prints\n%s\nand\n%s", c.args, status, &out, &errOut)
		}
	}
}

// An error shows a command that works where the tool was called.
func TestErrorsShowTheCommandOfTheProject(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, errOut strings.Builder
	run(t.Context(), []string{"new", "context", "billing"}, &out, &errOut)
	if !strings.Contains(errOut.String(), "'go tool orchestrix new app DIR'") {
		t.Errorf("the error is %s", &errOut)
	}
}
