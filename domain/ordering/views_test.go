package ordering_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

func project[D any](t *testing.T, view es.View[D]) *estest.Projection[D] {
	t.Helper()
	t.Parallel()
	return estest.Project(t, ordering.Module(), view)
}

func TestOrderSummary(t *testing.T) {
	summary := ordering.OrderSummary{
		CustomerID: "HANAR", CustomerName: "Hanari Carnes", Country: "Brazil",
		Status: ordering.Placed, LineCount: 3, NetTotal: money("1380.80"), Freight: money("65.83"),
		OrderedAt: "1996-07-08", RequiredAt: "1996-08-05",
	}
	sent, called := summary, summary
	sent.Status, sent.ShippedAt, sent.Carrier = ordering.Shipped, "1996-07-12", "United Package"
	called.Status, called.CancelReason = ordering.Cancelled, "out of stock"
	project(t, ordering.OrderSummaries).
		On("1", placed).Then("1", summary).
		On("2", placed, shipped).Then("2", sent).
		On("3", placed, cancelled).Then("3", called)
}

func TestSalesByCountry(t *testing.T) {
	elsewhere := placed
	elsewhere.Country = "Côte d’Ivoire"
	project(t, ordering.SalesByCountry).
		On("1", placed, shipped).On("2", placed).On("3", elsewhere).
		Then("Brazil", ordering.CountrySales{Country: "Brazil", Sales: ordering.Sales{Orders: 2, NetTotal: money("2761.60")}}).
		On("2", cancelled).
		Then("Brazil", ordering.CountrySales{Country: "Brazil", Sales: ordering.Sales{Orders: 1, NetTotal: money("1380.80")}}).
		Then("Côte d’Ivoire", ordering.CountrySales{Country: "Côte d’Ivoire", Sales: ordering.Sales{Orders: 1, NetTotal: money("1380.80")}})
}

func TestSalesByCustomer(t *testing.T) {
	project(t, ordering.SalesByCustomer).
		On("1", placed).
		Then("HANAR", ordering.CustomerSales{CustomerID: "HANAR", CustomerName: "Hanari Carnes", Sales: ordering.Sales{Orders: 1, NetTotal: money("1380.80")}}).
		On("1", cancelled).
		Then("HANAR", ordering.CustomerSales{CustomerID: "HANAR", CustomerName: "Hanari Carnes"})
}

func TestProductSales(t *testing.T) {
	apples := ordering.ProductSales{ProductID: "51", Product: "Manjimup Dried Apples", Orders: 1, Units: 36, NetTotal: money("1303.80")}
	twice, none := apples, apples
	twice.Orders, twice.Units, twice.NetTotal = 2, 72, money("2607.60")
	none.Orders, none.Units, none.NetTotal = 0, 0, money("0")
	project(t, ordering.SalesByProduct).
		On("1", placed).Then("51", apples).
		On("2", placed).Then("51", twice).
		On("1", cancelled).Then("51", apples).
		On("2", cancelled).Then("51", none)
}

// Each line is rounded separately: half of the last decimal goes up, and lines add up to orders.
func TestLinesAreRounded(t *testing.T) {
	t.Parallel()
	line := ordering.Line{UnitPrice: money("0.0001"), Quantity: 1, Discount: number("0.5")} // 0.00005
	if net := line.Net(); !net.Equal(money("0.0001")) {
		t.Errorf("net is %s", net)
	}
	line.Discount = number("0.5001") // 0.00004999
	if net := line.Net(); !net.Equal(money("0")) {
		t.Errorf("net is %s", net)
	}
	line = ordering.Line{UnitPrice: money("999999999999.9999"), Quantity: 1_000_000, Discount: number("0.0001")}
	if net := line.Net(); net.String() != "999899999999999900.01" {
		t.Errorf("net is %s", net)
	}
	two := ordering.Sale{Lines: []ordering.Line{
		{UnitPrice: money("0.0001"), Quantity: 1, Discount: number("0.5")},
		{UnitPrice: money("0.0001"), Quantity: 1, Discount: number("0.5")},
	}}
	if net := two.NetTotal(); !net.Equal(money("0.0002")) {
		t.Errorf("net total is %s", net)
	}
}

func TestMoneyInJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"0": `"0.0000"`, "14.5": `"14.5000"`, "-0.0001": `"-0.0001"`, "999999999999.9999": `"999999999999.9999"`} {
		data, err := core.Marshal(money(text))
		if err != nil || string(data) != want {
			t.Errorf("%s is %s, %v, not %s", text, data, err, want)
		}
		var back ordering.Money
		if err := core.Unmarshal(data, &back); err != nil || !back.Equal(money(text)) {
			t.Errorf("%s came back as %s, %v", data, back, err)
		}
	}
}
