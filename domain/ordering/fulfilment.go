package ordering

import (
	"slices"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// fulfilling is the data of the process "fulfilment" for a managed order.
type fulfilling struct {
	Order  string  `json:"order"`
	Amount Money   `json:"amount"`
	Goods  []goods `json:"goods"`
}

// goods are the units of one product in the order.
type goods struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
}

// stepTimeout limits each step.
const stepTimeout = 30 * time.Second

// FulfilmentProcess is the process "fulfilment", with one instance for each managed order. It reserves the goods, takes the
// payment and confirms the order, and then takes the goods out of stock. Where a step fails, it undoes the steps before it in
// reverse order, and then fails the order.
var FulfilmentProcess es.ProcessDef = es.Saga[fulfilling]{
	Name:  "fulfilment",
	Start: es.StartSaga(managedOrder, newFulfilling),
	Steps: []es.SagaStep[fulfilling]{
		{Name: "reserve", Timeout: stepTimeout, Do: fulfilling.reserve},
		{Name: "authorize", Timeout: stepTimeout, Do: fulfilling.authorize},
		{Name: "capture", Timeout: stepTimeout, Do: fulfilling.capture},
		{Name: "confirm", Timeout: stepTimeout, Do: fulfilling.confirm},
	},
	Completed: fulfilling.issue,
	Failed:    fulfilling.fail,
}

func managedOrder(e OrderPlaced, m es.Meta) string {
	if e.Fulfilment != Managed {
		return ""
	}
	return m.Stream.ID
}

// newFulfilling merges the lines of a product, because a product has one reservation for an order.
func newFulfilling(e OrderPlaced, m es.Meta) fulfilling {
	f := fulfilling{Order: m.Stream.ID, Amount: e.NetTotal().Add(e.Freight)}
	for _, line := range e.Lines {
		i := slices.IndexFunc(f.Goods, func(g goods) bool { return g.Product == line.ProductID })
		if i < 0 {
			f.Goods = append(f.Goods, goods{Product: line.ProductID, Quantity: line.Quantity})
		} else {
			f.Goods[i].Quantity += line.Quantity
		}
	}
	return f
}

// reserve reserves all products concurrently.
func (f fulfilling) reserve() []es.SagaAction {
	var actions []es.SagaAction
	for _, g := range f.Goods {
		actions = append(actions, es.Do(es.Send(g.Product, Reserve{Order: f.Order, Quantity: g.Quantity})).
			UndoneBy(es.Send(g.Product, Release{Order: f.Order})))
	}
	return actions
}

func (f fulfilling) authorize() []es.SagaAction {
	return []es.SagaAction{es.Do(es.Send(f.Order, Authorize{Amount: f.Amount})).UndoneBy(es.Send(f.Order, Refund{}))}
}

func (f fulfilling) capture() []es.SagaAction {
	return []es.SagaAction{es.Do(es.Send(f.Order, Capture{})).UndoneBy(es.Send(f.Order, Refund{}))}
}

func (f fulfilling) confirm() []es.SagaAction {
	const late = "confirmed too late"
	return []es.SagaAction{es.Do(es.Send(f.Order, Confirm{})).UndoneBy(es.Send(f.Order, FailFulfilment{Reason: late}))}
}

func (f fulfilling) issue() []es.Effect {
	var effects []es.Effect
	for _, g := range f.Goods {
		effects = append(effects, es.Send(g.Product, Issue{Order: f.Order}))
	}
	return effects
}

func (f fulfilling) fail(reason string) []es.Effect {
	return []es.Effect{es.Send(f.Order, FailFulfilment{Reason: reason})}
}
