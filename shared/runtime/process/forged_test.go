package process_test

import (
	"fmt"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/memory"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/processes"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/runtime/runtimetest"
)

// The result of another command under the id of a command that an instance has sent is no result of that command.
func TestAResultBelongsToItsCommand(t *testing.T) {
	t.Parallel()
	s := &processStack{
		Stack: runtimetest.Stack{Log: memory.NewLog(4), Views: memory.NewViews()}, bus: memory.NewBus(), deadlines: memory.NewDeadlines(),
		registry: runtimetest.NewRegistry(t, moveModule()),
	}
	s.executor = s.newExecutor(t)
	s.runner(t, "one")
	s.begin(t, "m", "a", "b", 5)
	runtimetest.Eventually(t, "the command", func() error {
		if n := len(s.instance(t, "m").Sent); n != 1 {
			return fmt.Errorf("%d commands are sent", n)
		}
		return nil
	})
	sent := s.instance(t, "m").Sent[0]
	result := func(stream, name string, state runtime.AsyncState, code string) {
		t.Helper()
		body, err := core.Marshal(runtime.AsyncStatus{CommandID: sent.ID, Stream: stream, State: state, Code: code})
		if err != nil {
			t.Fatal(err)
		}
		m := port.Message{ID: stream + name + string(state), Sender: port.CommandSender, To: moveStream("m"), Name: name, Data: body}
		if err := s.bus.Publish(t.Context(), port.ResultTopic, m); err != nil {
			t.Fatal(err)
		}
	}
	result("purse-b", "take", runtime.Accepted, "")
	result("purse-a", "give", runtime.Accepted, "")
	result("purse-a", "take", runtime.Rejected, "empty")
	s.awaitStatus(t, "m", processes.StatusFailed)
	if p := s.instance(t, "m"); p.Reason != "empty" {
		t.Errorf("the instance failed because of %q", p.Reason)
	}
}
