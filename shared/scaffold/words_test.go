package scaffold

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"order-summary": "order-summary OrderSummary orderSummary ordersummary order_summary",
		"OrderSummary":  "order-summary OrderSummary orderSummary ordersummary order_summary",
		"orderSummary":  "order-summary OrderSummary orderSummary ordersummary order_summary",
		"order_summary": "order-summary OrderSummary orderSummary ordersummary order_summary",
		"order":         "order Order order order order",
		"customer-id":   "customer-id CustomerID customerID customerid customer_id",
		"CustomerID":    "customer-id CustomerID customerID customerid customer_id",
		"HTTPRequest":   "http-request HTTPRequest httpRequest httprequest http_request",
		"IBANChecked":   "iban-checked IBANChecked ibanChecked ibanchecked iban_checked",
		"SEPAMandate":   "sepa-mandate SEPAMandate sepaMandate sepamandate sepa_mandate",
		"invoice2":      "invoice2 Invoice2 invoice2 invoice2 invoice2",
		"robot-arm":     "robot-arm RobotArm robotArm robotarm robotarm",
		"load-test":     "load-test LoadTest loadTest loadtest loadtest",
		"windows":       "windows Windows windows windows windows",
	} {
		n, err := parseName("name", text)
		if got := strings.Join([]string{n.kebab(), n.pascal(), n.camel(), n.packageName(), n.file()}, " "); err != nil || got != want {
			t.Errorf("%s is %s, %v, not %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "--", "_a", "-a", "1a", "a.b", "a b", "ä", "func", "Return", strings.Repeat("a", 65)} {
		if _, err := parseName("name", text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string]string{
		"place": "placed", "ship": "shipped", "cancel": "cancelled", "pay": "paid", "submit": "submitted", "open": "opened", "deliver": "delivered",
		"apply": "applied", "deploy": "deployed", "fix": "fixed", "load": "loaded", "hold": "held", "withhold": "withheld", "rewrite": "rewritten",
		"set": "set", "reset": "reset", "stop": "stopped", "equip": "equipped", "archive": "archived", "overpay": "overpaid", "record": "recorded",
		"require": "required", "free": "freed", "book": "booked", "view": "viewed",
	} {
		if got := past(verb); got != want {
			t.Errorf("%s: %s, not %s", verb, got, want)
		}
	}
	for noun, want := range map[string]string{
		"invoice": "invoices", "box": "boxes", "category": "categories", "day": "days", "class": "classes", "status": "statuses", "person": "people",
		"branch": "branches", "warehouse": "warehouses", "clause": "clauses", "price": "prices", "analysis": "analyses", "hero": "heroes",
	} {
		if got := plural(noun); got != want {
			t.Errorf("%s: %s, not %s", noun, got, want)
		}
		if got, ok := singular(want); got != noun || !ok {
			t.Errorf("%s: %s, %v, not %s", want, got, ok, noun)
		}
	}
	for _, noun := range []string{"invoice", "stock", "address", "status", "news", "analysis"} {
		if got, ok := singular(noun); ok {
			t.Errorf("%s is the plural of %s", noun, got)
		}
	}
	for noun, want := range map[string]string{"order": "an order", "invoice": "an invoice", "user": "a user", "unit": "a unit", "account": "an account", "shipment": "a shipment"} {
		if got := article(noun); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestEventsOfCommands(t *testing.T) {
	t.Parallel()
	order, err := parseName("aggregate", "order")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"ship": "OrderShipped: Ship an order", "ship-order": "OrderShipped: Ship an order", "send-back": "OrderSentBack: Send an order back",
		"change-address": "OrderAddressChanged: Change the address of an order",
	} {
		command, err := parseName("command", text)
		if err != nil {
			t.Fatal(err)
		}
		event, err := eventName(&bounded{pkg: "sales"}, order, command, "")
		if got := event.pascal() + ": " + commandDoc(order, command); err != nil || got != want {
			t.Errorf("%s: %s, %v, not %s", text, got, err, want)
		}
	}
}
