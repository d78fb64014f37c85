package ordering_test

import (
	"testing"

	"github.com/quagmt/udecimal"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// sale has two lines of product 51: 7.70 × 10 + 42.40 × 35 × 0.85 + 42.40 × 1 = 1380.80.
var sale = ordering.Sale{
	CustomerID: "HANAR", CustomerName: "Hanari Carnes", Country: "Brazil",
	Lines: []ordering.Line{
		{ProductID: "41", Product: "Jack's New England Clam Chowder", UnitPrice: money("7.70"), Quantity: 10},
		{ProductID: "51", Product: "Manjimup Dried Apples", UnitPrice: money("42.40"), Quantity: 35, Discount: number("0.15")},
		{ProductID: "51", Product: "Manjimup Dried Apples", UnitPrice: money("42.40"), Quantity: 1},
	},
}

var (
	place     = ordering.Place{Sale: sale, OrderedAt: "1996-07-08", RequiredAt: "1996-08-05", Freight: money("65.83")}
	placed    = ordering.OrderPlaced{Sale: sale, OrderedAt: "1996-07-08", RequiredAt: "1996-08-05", Freight: money("65.83")}
	ship      = ordering.Ship{ShippedAt: "1996-07-12", Carrier: "United Package"}
	shipped   = ordering.OrderShipped{ShippedAt: "1996-07-12", Carrier: "United Package"}
	cancel    = ordering.Cancel{Reason: "out of stock"}
	cancelled = ordering.OrderCancelled{Sale: sale, Reason: "out of stock"}
)

func number(text string) udecimal.Decimal { return udecimal.MustParse(text) }
func money(text string) ordering.Money    { return ordering.Money{Decimal: number(text)} }

func given(t *testing.T, events ...es.Event) *estest.Scenario[ordering.Order] {
	t.Helper()
	t.Parallel()
	return estest.Given(t, ordering.OrderDecider, events...)
}

func TestPlace(t *testing.T) {
	given(t).When(place).Then(placed).ThenState(ordering.Order{Sale: sale, Status: ordering.Placed})
}

func TestPlaceWithoutLines(t *testing.T) {
	given(t).When(ordering.Place{}).ThenRejected("order-empty")
}

func TestPlaceTwice(t *testing.T) {
	given(t, placed).When(place).ThenRejected("order-already-placed")
}

func TestPlaceWhenShipped(t *testing.T) {
	given(t, placed, shipped).When(place).ThenRejected("order-already-placed")
}

func TestPlaceWhenCancelled(t *testing.T) {
	given(t, placed, cancelled).When(place).ThenRejected("order-cancelled")
}

func TestShip(t *testing.T) {
	given(t, placed).When(ship).Then(shipped).ThenState(ordering.Order{Sale: sale, Status: ordering.Shipped})
}

func TestShipBeforePlaced(t *testing.T) {
	given(t).When(ship).ThenRejected("order-not-placed")
}

func TestShipTwice(t *testing.T) {
	given(t, placed, shipped).When(ship).ThenRejected("order-already-shipped")
}

func TestShipWhenCancelled(t *testing.T) {
	given(t, placed, cancelled).When(ship).ThenRejected("order-cancelled")
}

func TestCancel(t *testing.T) {
	given(t, placed).When(cancel).Then(cancelled).ThenState(ordering.Order{Sale: sale, Status: ordering.Cancelled})
}

func TestCancelBeforePlaced(t *testing.T) {
	given(t).When(cancel).ThenRejected("order-not-placed")
}

func TestCancelWhenShipped(t *testing.T) {
	given(t, placed, shipped).When(cancel).ThenRejected("order-already-shipped")
}

func TestCancelTwice(t *testing.T) {
	given(t, placed, cancelled).When(cancel).ThenRejected("order-cancelled")
}
