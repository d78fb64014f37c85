package ordering_test

import (
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// managed is the same order, placed with managed fulfilment.
func managed() (ordering.Place, ordering.OrderPlaced) {
	place := place
	place.Fulfilment = ordering.Managed
	return place, ordering.OrderPlaced(place)
}

var (
	confirmed   = ordering.OrderConfirmed{}
	fail        = ordering.FailFulfilment{Reason: "out-of-stock"}
	unfulfilled = ordering.OrderFulfilmentFailed{Sale: sale, Reason: "out-of-stock"}
)

func TestManagedOrderIsConfirmedBeforeItIsShipped(t *testing.T) {
	place, placed := managed()
	given(t).When(place).Then(placed).
		When(ship).ThenRejected("order-not-confirmed").
		When(ordering.Confirm{}).Then(confirmed).
		When(ordering.Confirm{}).ThenNothing().
		When(cancel).ThenRejected("order-confirmed").
		When(place).ThenRejected("order-already-placed").
		When(ship).Then(shipped).
		When(ordering.Confirm{}).ThenRejected("order-already-shipped").
		When(fail).ThenRejected("order-already-shipped")
}

func TestManagedOrderFails(t *testing.T) {
	place, placed := managed()
	given(t, placed).When(fail).Then(unfulfilled).
		When(fail).ThenNothing().
		When(ship).ThenRejected("order-failed").
		When(cancel).ThenRejected("order-failed").
		When(place).ThenRejected("order-failed").
		When(ordering.Confirm{}).ThenRejected("order-failed")
}

func TestConfirmationIsTakenBack(t *testing.T) {
	_, placed := managed()
	given(t, placed, confirmed).When(fail).Then(unfulfilled).
		When(ship).ThenRejected("order-failed")
}

func TestManagedOrderIsCancelledMeanwhile(t *testing.T) {
	_, placed := managed()
	given(t, placed).When(cancel).Then(cancelled).
		When(ordering.Confirm{}).ThenRejected("order-cancelled").
		When(fail).ThenNothing()
}

func TestOthersAreNotManaged(t *testing.T) {
	given(t, placed).When(ordering.Confirm{}).ThenRejected("order-not-managed").
		When(fail).ThenRejected("order-not-managed")
}

func TestManagingWhatWasNotPlaced(t *testing.T) {
	given(t).When(ordering.Confirm{}).ThenRejected("order-not-placed").
		When(fail).ThenRejected("order-not-placed")
}

// The events of an order without managed fulfilment are, to the byte, what they were before there was any.
func TestOtherOrdersLookAsBefore(t *testing.T) {
	t.Parallel()
	plain := placed
	plain.Lines = placed.Lines[:1]
	const before = `{"customer_id":"HANAR","customer_name":"Hanari Carnes","country":"Brazil","lines":[{"product_id":"41",` +
		`"product":"Jack's New England Clam Chowder","unit_price":"7.7000","quantity":10,"discount":"0"}],` +
		`"ordered_at":"1996-07-08","required_at":"1996-08-05","freight":"65.8300"}`
	data, err := core.Marshal(plain)
	if err != nil || string(data) != before {
		t.Errorf("%s, %v\nused to be\n%s", data, err, before)
	}
	_, placed := managed()
	if data, err := core.Marshal(placed); err != nil || !strings.HasSuffix(string(data), `,"freight":"65.8300","fulfilment":"managed"}`) {
		t.Errorf("%s, %v", data, err)
	}
}

func stock(t *testing.T, events ...es.Event) *estest.Scenario[ordering.Stock] {
	t.Helper()
	t.Parallel()
	return estest.Given(t, ordering.StockDecider, events...)
}

func TestStock(t *testing.T) {
	const order = "10248"
	stock(t).When(ordering.Reserve{Order: order, Quantity: 1}).ThenRejected("out-of-stock").
		When(ordering.Receive{Quantity: 10}).Then(ordering.StockReceived{Quantity: 10}).
		When(ordering.Reserve{Order: order, Quantity: 11}).ThenRejected("out-of-stock").
		When(ordering.Reserve{Order: order, Quantity: 7}).Then(ordering.StockReserved{Order: order, Quantity: 7}).
		When(ordering.Reserve{Order: order, Quantity: 7}).ThenNothing().
		When(ordering.Reserve{Order: "10249", Quantity: 4}).ThenRejected("out-of-stock").
		When(ordering.Release{Order: order}).Then(ordering.StockReleased{Order: order, Quantity: 7}).
		When(ordering.Release{Order: order}).ThenNothing().
		When(ordering.Issue{Order: order}).ThenRejected("not-reserved").
		When(ordering.Reserve{Order: "10249", Quantity: 4}).Then(ordering.StockReserved{Order: "10249", Quantity: 4}).
		When(ordering.Issue{Order: "10249"}).Then(ordering.StockIssued{Order: "10249", Quantity: 4}).
		ThenState(ordering.Stock{OnHand: 6})
}

func TestStockIsBounded(t *testing.T) {
	stock(t, ordering.StockReceived{Quantity: ordering.MaxOnHand - 1}).
		When(ordering.Receive{Quantity: 2}).ThenRejected("stock-full").
		When(ordering.Receive{Quantity: 1}).Then(ordering.StockReceived{Quantity: 1})
}

func TestStockLevel(t *testing.T) {
	project(t, ordering.StockLevels).
		On("51", ordering.StockReceived{Quantity: 10}, ordering.StockReserved{Order: "1", Quantity: 3}, ordering.StockReserved{Order: "2", Quantity: 2}).
		Then("51", ordering.StockLevel{OnHand: 10, Reserved: 5, Free: 5}).
		On("51", ordering.StockReleased{Order: "1", Quantity: 3}, ordering.StockIssued{Order: "2", Quantity: 2}).
		Then("51", ordering.StockLevel{OnHand: 8, Free: 8})
}

func payment(t *testing.T, events ...es.Event) *estest.Scenario[ordering.Payment] {
	t.Helper()
	return estest.Given(t, ordering.NewPaymentDecider(money("100")), events...)
}

func TestPayment(t *testing.T) {
	t.Parallel()
	authorize, authorized := ordering.Authorize{Amount: money("100")}, ordering.PaymentAuthorized{Amount: money("100")}
	captured, refunded := ordering.PaymentCaptured{Amount: money("100")}, ordering.PaymentRefunded{Amount: money("100")}
	payment(t).When(ordering.Authorize{Amount: money("100.0001")}).ThenRejected("payment-declined")
	payment(t).When(ordering.Capture{}).ThenRejected("payment-not-authorized")
	payment(t).When(authorize).Then(authorized).
		When(authorize).ThenNothing().
		When(ordering.Capture{}).Then(captured).
		When(ordering.Capture{}).ThenNothing().
		When(ordering.Refund{}).Then(refunded).
		When(ordering.Refund{}).ThenNothing().
		When(ordering.Capture{}).ThenRejected("payment-refunded").
		When(authorize).ThenRejected("payment-refunded")
}

// What is called off before it was captured, or even authorized, takes no money later.
func TestPaymentIsVoided(t *testing.T) {
	t.Parallel()
	authorize := ordering.Authorize{Amount: money("100")}
	payment(t, ordering.PaymentAuthorized{Amount: money("100")}).When(ordering.Refund{}).Then(ordering.PaymentVoided{}).
		When(ordering.Capture{}).ThenRejected("payment-voided")
	payment(t).When(ordering.Refund{}).Then(ordering.PaymentVoided{}).
		When(authorize).ThenRejected("payment-voided")
}

// The limit is an option of the module, and has a default.
func TestPaymentLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		module   es.Module
		amount   string
		declined bool
	}{
		{ordering.Module(), "20000", false}, {ordering.Module(), "20000.0001", true},
		{ordering.Module(ordering.PaymentLimit(money("5"))), "5", false}, {ordering.Module(ordering.PaymentLimit(money("5"))), "6", true},
	} {
		registry, err := compile.Modules(c.module)
		if err != nil {
			t.Fatal(err)
		}
		aggregate, _ := registry.Aggregate("payment")
		authorize, _ := aggregate.Command("authorize")
		if _, err := authorize.Decide(aggregate.Initial, ordering.Authorize{Amount: money(c.amount)}); c.declined != (err != nil) {
			t.Errorf("%s: %v", c.amount, err)
		}
	}
}

func TestSalesOfFailedOrders(t *testing.T) {
	_, placed := managed()
	project(t, ordering.SalesByCountry).
		On("1", placed, unfulfilled).
		Then("Brazil", ordering.CountrySales{Country: "Brazil"})
	estest.Project(t, ordering.Module(), ordering.SalesByCustomer).
		On("1", placed, unfulfilled).
		Then("HANAR", ordering.CustomerSales{CustomerID: "HANAR", CustomerName: "Hanari Carnes"})
	estest.Project(t, ordering.Module(), ordering.SalesByProduct).
		On("1", placed, unfulfilled).
		Then("51", ordering.ProductSales{ProductID: "51", Product: "Manjimup Dried Apples"})
	summary := ordering.OrderSummary{
		CustomerID: "HANAR", CustomerName: "Hanari Carnes", Country: "Brazil",
		Status: ordering.Confirmed, LineCount: 3, NetTotal: money("1380.80"), Freight: money("65.83"),
		OrderedAt: "1996-07-08", RequiredAt: "1996-08-05",
	}
	failed := summary
	failed.Status, failed.FailReason = ordering.Failed, "out-of-stock"
	estest.Project(t, ordering.Module(), ordering.OrderSummaries).
		On("1", placed, confirmed).Then("1", summary).
		On("2", placed, unfulfilled).Then("2", failed)
}
