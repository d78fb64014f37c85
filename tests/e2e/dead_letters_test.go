package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// A message that is no command becomes a dead letter; an operator sees it, retries it, and drops it with a reason.
func TestOperatorsDealWithDeadLetters(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip(noBus)
	}
	dev, b := startDev(t, "--ephemeral")
	publishNonsense(t, b.NATSURL, "lost")
	admin := []string{"--data-dir", b.DataDir}
	one := awaitDeadLetter(t, admin, 0)
	if one.Stream != "order-lost" || !strings.Contains(one.Error, "it belongs into") {
		t.Errorf("the dead letter is %+v", one)
	}
	number := fmt.Sprint(one.Number)
	if shown := tool(t, append([]string{"dead-letters", "show", number}, admin...)...); !strings.Contains(shown, one.Error) || !strings.Contains(shown, `{"non":"sense"}`) {
		t.Errorf("show prints\n%s", shown)
	}
	if out, err := tryTool(t, append([]string{"dead-letters", "drop", number}, admin...)...); err == nil || !strings.Contains(out, "reason") {
		t.Errorf("a drop without a reason: %v", err)
	}
	if out := tool(t, append([]string{"dead-letters", "retry", "--topic", "cmd"}, admin...)...); !strings.Contains(out, "1 messages published again") {
		t.Errorf("a retry prints\n%s", out)
	}
	again := awaitDeadLetter(t, admin, one.Number) // the retried message reaches its handler, which finds no command in it
	if again.ID != one.ID || strings.Contains(again.Error, "it belongs into") {
		t.Errorf("the dead letter is %+v", again)
	}
	number = fmt.Sprint(again.Number)
	tool(t, append([]string{"dead-letters", "drop", number, "--reason", "written by hand"}, admin...)...)
	if left := tool(t, append([]string{"dead-letters", "list"}, admin...)...); strings.Count(left, "\n") != 1 {
		t.Errorf("left are\n%s", left)
	}
	if out, err := tryTool(t, append([]string{"dead-letters", "retry", number}, admin...)...); err == nil || !strings.Contains(out, "404") {
		t.Errorf("a retry of what is gone: %v\n%s", err, out)
	}
	if log := dev.log.String(); strings.Count(log, "dead letter: ") != 2 || !strings.Contains(log, "written by hand") {
		t.Errorf("on record is\n%s", log)
	}
	actions := tool(t, append([]string{"projections", "actions"}, admin...)...)
	for _, want := range []string{"dev  drop   dead letter " + number + ": cmd of order-lost, id ", "  written by hand\n", "dev  retry  dead letter " + fmt.Sprint(one.Number) + ": "} {
		if !strings.Contains(actions, want) {
			t.Errorf("no %q among the actions:\n%s", want, actions)
		}
	}
}

// publishNonsense publishes a message that is no command, to a subject that no command has.
func publishNonsense(t testing.TB, url, id string, options ...nats.Option) {
	t.Helper()
	conn, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	wrong := (core.PartitionOf(core.DefaultTenant, id, 4) + 1) % 4
	if _, err := js.Publish(t.Context(), fmt.Sprintf("orx.cmd.%d.shop.default.order.%s.place", wrong, id), []byte(`{"non":"sense"}`)); err != nil {
		t.Fatal(err)
	}
}

type deadLetter struct {
	Number uint64 `json:"number"`
	ID     string `json:"id"`
	Stream string `json:"stream"`
	Error  string `json:"error"`
}

func awaitDeadLetter(t testing.TB, admin []string, after uint64) (one deadLetter) {
	t.Helper()
	eventually(t, "a dead letter", func() error {
		out := tool(t, append([]string{"dead-letters", "list", "-o", "json", "--after", fmt.Sprint(after)}, admin...)...)
		var list struct {
			Items []deadLetter `json:"items"`
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Items) != 1 {
			return fmt.Errorf("%s, %w", out, err)
		}
		one = list.Items[0]
		return nil
	})
	return one
}
