package main

// placeBody is an order of three lines, shipBody sends it on its way.
const (
	placeBody = `{"customer_id":"ALFKI","customer_name":"Alfreds Futterkiste","country":"Germany","ordered_at":"2026-01-02",` +
		`"required_at":"2026-01-30","freight":"29.46","lines":[` +
		`{"product_id":"28","product":"Rössle Sauerkraut","unit_price":"45.60","quantity":15,"discount":"0.25"},` +
		`{"product_id":"39","product":"Chartreuse verte","unit_price":"18.00","quantity":21,"discount":"0.25"},` +
		`{"product_id":"46","product":"Spegesild","unit_price":"12.00","quantity":2,"discount":"0"}]}`
	shipBody = `{"shipped_at":"2026-01-05","carrier":"Speedy Express"}`
)

// order and shipment are the same commands as the baselines decode them.
type (
	order struct {
		CustomerID   string `json:"customer_id"`
		CustomerName string `json:"customer_name"`
		Country      string `json:"country"`
		OrderedAt    string `json:"ordered_at"`
		RequiredAt   string `json:"required_at"`
		Freight      string `json:"freight"`
		Lines        []struct {
			ProductID string `json:"product_id"`
			Product   string `json:"product"`
			UnitPrice string `json:"unit_price"`
			Quantity  int    `json:"quantity"`
			Discount  string `json:"discount"`
		} `json:"lines"`
	}
	shipment struct {
		ShippedAt string `json:"shipped_at"`
		Carrier   string `json:"carrier"`
	}
)
