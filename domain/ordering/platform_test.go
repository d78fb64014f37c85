package ordering_test

import (
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// warehouse is a platform with so many units of product 51, and enough of product 41.
func warehouse(t *testing.T, of51 int) *estest.Running {
	t.Helper()
	t.Parallel()
	p := estest.Platform(t, ordering.Module())
	p.Send("41", ordering.Receive{Quantity: 100})
	p.Send("51", ordering.Receive{Quantity: of51})
	return p
}

func TestAManagedOrderIsFulfilled(t *testing.T) {
	p := warehouse(t, 100)
	place, _ := managed()
	p.Send(fulfilled, place)
	if order := estest.Read(p, ordering.OrderSummaries, fulfilled); order.Status != ordering.Confirmed {
		t.Errorf("the order is %+v", order)
	}
	if level := estest.Read(p, ordering.StockLevels, "51"); level != (ordering.StockLevel{OnHand: 64, Free: 64}) {
		t.Errorf("the stock is %+v", level)
	}
	if payment := estest.State(p, ordering.NewPaymentDecider(ordering.DefaultPaymentLimit), fulfilled); payment.Status != ordering.Captured {
		t.Errorf("the payment is %+v", payment)
	}
	if top := estest.Ask(p, ordering.TopCustomersQuery, ordering.TopCustomersParams{}); len(top.Items) != 1 || top.Items[0].CustomerName != sale.CustomerName {
		t.Errorf("the customers are %+v", top)
	}
	p.Send(fulfilled, ship)
}

func TestAManagedOrderFails(t *testing.T) {
	p := warehouse(t, 1)
	place, _ := managed()
	p.Send(fulfilled, place)
	if order := estest.Read(p, ordering.OrderSummaries, fulfilled); order.Status != ordering.Failed || order.FailReason != "reserve: out-of-stock" {
		t.Errorf("the order is %+v", order)
	}
	if level := estest.Read(p, ordering.StockLevels, "41"); level != (ordering.StockLevel{OnHand: 100, Free: 100}) {
		t.Errorf("the stock is %+v", level)
	}
}

// The payment answers after its deadline: what it has done meanwhile is undone.
func TestAPaymentIsLate(t *testing.T) {
	p := warehouse(t, 100)
	place, _ := managed()
	p.Hold("payment")
	p.Send(fulfilled, place)
	p.Pass(30*time.Second - 1)
	if i := p.Instance("fulfilment", fulfilled); i.Status != estest.StatusRunning || i.Step != "authorize" {
		t.Errorf("the instance is %+v", i)
	}
	p.Pass(1)
	p.Release("payment")
	if i := p.Instance("fulfilment", fulfilled); i.Status != estest.StatusFailed || i.Reason != "authorize: no answer within 30s" {
		t.Errorf("the instance is %+v", i)
	}
	if events := p.Events("payment", fulfilled); len(events) != 2 || events[1] != (ordering.PaymentVoided{}) {
		t.Errorf("the events of the payment are %v", events)
	}
	p.SendRejected(fulfilled, ship, "order-failed")
}
