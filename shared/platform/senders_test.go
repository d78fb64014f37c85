package platform

import (
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// The keys of a sender have a directory of its name.
func TestASenderTakesNoOtherName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"crm", "ledger-import"} {
		d := Deployment{Registry: core.NewRegistry(), Partitions: 1, Senders: []Sender{{Name: name}}}
		if err := d.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, names := range []string{"command", "restore", "nats", "postgres", "monitor", "backup", "accounts", "Command", "Monitor", "crm CRM", "../crm"} {
		d := Deployment{Registry: core.NewRegistry(), Partitions: 1}
		for _, name := range strings.Split(names, " ") {
			d.Senders = append(d.Senders, Sender{Name: name})
		}
		if err := d.Check(); err == nil {
			t.Errorf("the name of a sender: %s", names)
		}
	}
}
