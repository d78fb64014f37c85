package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bank is a load of transfers from one account to another, which the process service executes. The client repeats each
// request, with its key, until it is acknowledged.
type bank struct {
	*load
	requested []string // ids of transfers; guarded by the load's mutex
}

const deposit = 100_000 // more than all transfers together

// openBank opens two accounts, and waits until a first transfer between them is completed.
func openBank(t *testing.T, l *load) *bank {
	t.Helper()
	b := &bank{load: l}
	const account = `{"owner":"Owner","currency":"EUR"}`
	b.sendUntilAcknowledged(t.Context(), "account/from/open", account)
	b.sendUntilAcknowledged(t.Context(), "account/to/open", account)
	b.sendUntilAcknowledged(t.Context(), "account/from/deposit", fmt.Sprintf(`{"amount":"%d"}`, deposit))
	b.request(t.Context(), "first")
	b.awaitEnd(t, "first")
	return b
}

// start starts the requests for transfers; they end with the load.
func (b *bank) start(ctx context.Context) {
	b.clients.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			b.request(ctx, strconv.Itoa(n))
			time.Sleep(100 * time.Millisecond) // every transfer is looked up at the end
		}
	})
}

func (b *bank) request(ctx context.Context, id string) {
	const one = `{"from":"from","to":"to","amount":"1","currency":"EUR"}`
	if _, ok := b.sendUntilAcknowledged(ctx, "transfer/"+id+"/request", one); ok {
		b.mu.Lock()
		b.requested = append(b.requested, id)
		b.mu.Unlock()
	}
}

// awaitEnd waits for the end of a transfer, and returns whether it was completed.
func (b *bank) awaitEnd(t *testing.T, id string) (completed bool) {
	t.Helper()
	await(t, "the end of transfer "+id, func() error {
		status := b.view(t, "transfers/"+id)["status"]
		if completed = status == "completed"; !completed && status != "failed" {
			return fmt.Errorf("it is %v", status)
		}
		return nil
	})
	return completed
}

func (b *bank) view(t *testing.T, path string) map[string]any {
	t.Helper()
	return b.get(t, "/v1/views/"+path, "")["data"].(map[string]any)
}

func euros(n int) string { return fmt.Sprintf("%d.0000", n) }

// check waits until every transfer has ended, and compares the balances with the completed transfers.
func (b *bank) check(t *testing.T) {
	t.Helper()
	completed := 0 // each moves one euro
	for _, id := range b.requested {
		if b.awaitEnd(t, id) {
			completed++
		}
	}
	await(t, "the accounts", func() error {
		from, to, total := b.view(t, "account-balance/from"), b.view(t, "account-balance/to"), b.view(t, "bank-total/EUR")
		if from["balance"] != euros(deposit-completed) || to["balance"] != euros(completed) || total["total"] != euros(deposit) || total["in_flight"] != euros(0) {
			return fmt.Errorf("%d of %d transfers were completed; the views are %v, %v, %v", completed, len(b.requested), from, to, total)
		}
		return nil
	})
	// A transfer without an answer in time is refunded. That is correct, and must be rare.
	if completed < len(b.requested)*9/10 {
		t.Errorf("only %d of %d transfers were completed", completed, len(b.requested))
	}
	t.Logf("%d transfers were requested, %d completed; the accounts hold what was completed, once", len(b.requested), completed)
}

// killProcesses kills the process service with SIGKILL, and waits until the node has restarted it and it works.
func (b *bank) killProcesses(t *testing.T, s *server) {
	t.Helper()
	pod := func(path string) string {
		return s.must(t, "", "-n", "orchestrix", "get", "pods", "-l", "app.kubernetes.io/name=process", "-o", "jsonpath={.items[0].status."+path+"}")
	}
	t.Logf("killing the process service, after %d commands", b.acknowledged.Load())
	before := pod("containerStatuses[0].restartCount")
	_, id, _ := strings.Cut(pod("containerStatuses[0].containerID"), "//")
	must(t, ctr(t.Context(), filepath.Join(s.dir, containerdSocket), "tasks", "kill", "--signal", "SIGKILL", id))
	await(t, "the process service again", func() error {
		if now := pod("containerStatuses[0].restartCount"); now == before || pod("containerStatuses[0].ready") != "true" {
			return fmt.Errorf("it was started again %s times, before that %s", now, before)
		}
		return nil
	})
	b.request(t.Context(), "after")
	if !b.awaitEnd(t, "after") {
		t.Error("a transfer has failed that was requested after the process service was started again")
	}
}
