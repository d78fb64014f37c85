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

// An event of an unknown type is parked in the views of its stream. An operator lists it, retries it and skips it with a
// reason, and the actions are recorded.
func TestOperatorsDealWithParkedEvents(t *testing.T) {
	t.Parallel()
	if logInPostgres() {
		t.Skip("the event is written with a NATS client")
	}
	p := startPlatform(t)
	publishUnknown(t, p, "odd")
	p.post("order/fine/place", smallOrder)
	p.awaitOrder("fine", "placed")
	admin := p.operate(p.projectionHealth)
	const views = 4 // that fold events of orders
	var parked struct {
		Items []struct {
			ID    int64  `json:"id"`
			View  string `json:"view"`
			Group string `json:"group"`
		} `json:"items"`
	}
	eventually(t, "every view of orders has parked it", func() error {
		out := tool(t, append([]string{"parked", "list", "-o", "json"}, admin...)...)
		if err := json.Unmarshal([]byte(out), &parked); err != nil || len(parked.Items) != views {
			return fmt.Errorf("%s, %w", out, err)
		}
		return nil
	})
	first := fmt.Sprint(parked.Items[0].ID)
	if shown := tool(t, append([]string{"parked", "show", first}, admin...)...); !strings.Contains(shown, "ordering.OrderForgotten") || !strings.Contains(shown, `"specversion":"1.0"`) {
		t.Errorf("show prints\n%s", shown)
	}
	if out, err := tryTool(t, append([]string{"parked", "retry", first}, admin...)...); err == nil || !strings.Contains(out, "unknown event") {
		t.Errorf("a retry that fails: %v", err)
	}
	if out, err := tryTool(t, append([]string{"parked", "skip", first}, admin...)...); err == nil || !strings.Contains(out, "reason") {
		t.Errorf("a skip without a reason: %v", err)
	}
	for _, item := range parked.Items {
		tool(t, append([]string{"parked", "skip", fmt.Sprint(item.ID), "--reason", "written by hand"}, admin...)...)
	}
	if left := tool(t, append([]string{"parked", "list"}, admin...)...); strings.Count(left, "\n") != 1 {
		t.Errorf("left are\n%s", left)
	}
	actions := tool(t, append([]string{"projections", "actions"}, admin...)...)
	if strings.Count(actions, "skip") != views || strings.Count(actions, "retry") != 1 || !strings.Contains(actions, "written by hand") {
		t.Errorf("on record is\n%s", actions)
	}
	rebuildAndCancel(t, p, admin)
}

// rebuildAndCancel rebuilds views with the tool and cancels a rebuild.
func rebuildAndCancel(t *testing.T, p *platform, admin []string) {
	t.Helper()
	tool(t, append([]string{"projections", "pause", "sales-by-country"}, admin...)...)
	tool(t, append([]string{"projections", "rebuild", "sales-by-country", "--reason", "a test"}, admin...)...)
	if _, err := tryTool(t, append([]string{"projections", "rebuild", "sales-by-country"}, admin...)...); err == nil {
		t.Error("a second rebuild at the same time was accepted")
	}
	tool(t, append([]string{"projections", "cancel", "sales-by-country"}, admin...)...)
	tool(t, append([]string{"projections", "resume", "sales-by-country"}, admin...)...)
	tool(t, append([]string{"projections", "rebuild", "sales-by-country", "--drop-old"}, admin...)...)
	eventually(t, "the rebuilt view is the only one", func() error {
		list := tool(t, append([]string{"projections"}, admin...)...)
		if strings.Count(list, "sales-by-country") != 1 || !strings.Contains(list, "active") {
			return fmt.Errorf("there are\n%s", list)
		}
		return nil
	})
	if got := p.get("/v1/views/sales-by-country/Norway").field("data.orders"); got != 1.0 {
		t.Errorf("the rebuilt view counts %v orders", got)
	}
}

func publishUnknown(t testing.TB, p *platform, id string) {
	t.Helper()
	connection, err := nats.Connect(p.natsURL)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`[{"specversion":"1.0","id":"order/%[1]s/1","source":"/default/ordering","type":"ordering.OrderForgotten","subject":"order-%[1]s",`+
		`"time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","dataschema":"urn:orchestrix:ordering.OrderForgotten:1","streamversion":1,"data":{}}]`, id)
	subject := fmt.Sprintf("orx.evt.%d.default.order.%s", core.PartitionOf("default", id, 4), id)
	m := &nats.Msg{Subject: subject, Header: nats.Header{"Orx-Version": {"1"}}, Data: []byte(body)}
	if _, err := js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}
