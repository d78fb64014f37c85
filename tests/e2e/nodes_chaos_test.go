package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

// Three nodes with three replicas: leaders are killed and paused, each node is cut off in turn, all under load. Each
// acknowledged command is in the log once, and a node that is cut off acknowledges none.
func TestThreeNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	if logInPostgres() {
		t.Skip("the log is in Postgres")
	}
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 0))
	n := startNodes(t)
	p := newPlatform(t, localtest.Postgres(t))
	p.natsURL = n.url()
	p.env = []string{"ORCHESTRIX_REPLICAS=3"}
	p.startServices()
	p.awaitReady()
	l := startLoad(t, []string{p.commandURL}, seed)

	kills := faultsOf(t, 2)
	for i := range kills {
		leader := n.awaitLeader(random.IntN(4))
		n.servers[leader].kill()
		p.awaitWorks(fmt.Sprintf("kill-%d", i))
		n.servers[leader].start()
		n.awaitCurrent()
	}
	resume := n.pause(n.awaitLeader(random.IntN(4)))
	defer resume()
	time.Sleep(15 * time.Second) // the pause itself
	p.awaitWorks("paused")
	resume()
	n.awaitCurrent()

	for lonely := range nodeCount { // whichever node a service is connected to, it is cut off once
		n.awaitCurrent()
		p.awaitWorksWhileCut(n, lonely)
	}
	l.end()
	checkJournal(t, p, l)
	t.Log(l.report(fmt.Sprintf("%d leaders killed, one paused for 15 s, each node cut off", kills)))
}

// awaitWorksWhileCut cuts a node off until a command is acknowledged and seen without it.
func (p *platform) awaitWorksWhileCut(n *nodes, lonely int) {
	p.t.Helper()
	heal := n.cut(lonely)
	defer heal()
	p.awaitWorks(fmt.Sprintf("cut-%d", lonely))
	n.wantNoAcknowledgement(lonely)
	heal()
	n.awaitCurrent()
	p.awaitWorks(fmt.Sprintf("healed-%d", lonely))
}

// awaitWorks waits until a command is acknowledged and seen.
func (p *platform) awaitWorks(id string) {
	p.t.Helper()
	eventually(p.t, "a command is acknowledged and seen", func() error {
		placed, err := request(p.t.Context(), http.MethodPost, p.commandURL+"/v1/commands/order/"+id+"/place", smallOrder, "Idempotency-Key", id)
		if err != nil || placed.Status != http.StatusOK {
			return fmt.Errorf("place: %v, %w", placed, err)
		}
		read, err := request(p.t.Context(), http.MethodGet, p.queryURL+"/v1/views/order-summary/"+id, "",
			"Orchestrix-Position", placed.Header.Get("Orchestrix-Position"), "Prefer", "wait=10")
		if err != nil || read.Status != http.StatusOK {
			return fmt.Errorf("read: %v, %w", read, err)
		}
		return nil
	})
}

// wantNoAcknowledgement publishes to a node that is cut off from the others. The messages are valid commits, since one
// without an acknowledgement may still be written when the node is back.
func (n *nodes) wantNoAcknowledgement(node int) {
	n.t.Helper()
	connection, err := nats.Connect("nats://"+n.clients[node], nats.Timeout(5*time.Second))
	if err != nil {
		n.t.Fatal(err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		n.t.Fatal(err)
	}
	for partition := range 4 {
		commit := lonelyCommit(node, partition)
		body, err := cloudevents.Encode(&commit)
		if err != nil {
			n.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(n.t.Context(), 2*time.Second)
		ack, err := js.Publish(ctx, fmt.Sprintf("orx.evt.%d.default.stock.%s", partition, commit.Stream.ID), body)
		cancel()
		if err == nil {
			n.t.Errorf("partition %d acknowledged %+v on a node that is cut off", partition, ack)
		} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, jetstream.ErrNoStreamResponse) {
			n.t.Logf("partition %d: %v", partition, err)
		}
	}
}

// lonelyCommit is the first commit of a stream in a partition, another for each node.
func lonelyCommit(node, partition int) core.Commit {
	stream := core.Stream{Tenant: core.DefaultTenant, Category: "stock"}
	for n := 0; stream.ID == "" || core.PartitionOf(stream.Tenant, stream.ID, 4) != partition; n++ {
		stream.ID = fmt.Sprintf("lonely-%d-%d", node, n)
	}
	return core.Commit{
		Stream: stream, Version: 1, Time: time.Now().UTC(), Command: core.CommandRef{ID: "lonely"}, CorrelationID: "lonely", CausationID: "lonely",
		Events: []core.Recorded{{Type: "ordering.StockReceived", Schema: 1, Data: []byte(`{"quantity":1}`)}},
	}
}
