package banking

import "github.com/orchestrix-go/orchestrix/shared/es"

// BankTotal is what the bank holds in one currency. When every event is folded, the balances and what is in flight are
// together the total. Accounts are in several partitions, which have no common order: until then a credit may be counted
// before its debit, and what is in flight may look negative.
type BankTotal struct {
	Currency string `json:"currency" doc:"The currency of all amounts."`
	Accounts int    `json:"accounts" doc:"How many accounts are open."`
	Total    Money  `json:"total" doc:"What was deposited and not withdrawn. Transfers don't change it."`
	Balances Money  `json:"balances" doc:"What all accounts hold."`
	InFlight Money  `json:"in_flight" doc:"What transfers have taken out of one account and neither put into the other nor given back."`
}

// BankTotals is the view bank-total, by currency.
var BankTotals = es.View[BankTotal]{
	Name:    "bank-total",
	Version: 1,
	Doc:     "What the bank holds in each currency, by currency.",
	Fields:  es.Fields{{Name: "total", Kind: es.Number}},
	On: es.Folds[BankTotal]{
		es.OnKey(func(e AccountOpened) string { return e.Currency }, (*BankTotal).opened),
		es.OnKey(func(e AccountClosed) string { return e.Currency }, (*BankTotal).closed),
		es.OnKey(func(e MoneyDeposited) string { return e.Currency }, (*BankTotal).deposited),
		es.OnKey(func(e MoneyWithdrawn) string { return e.Currency }, (*BankTotal).withdrawn),
		es.OnKey(func(e AccountDebited) string { return e.Currency }, (*BankTotal).debited),
		es.OnKey(func(e AccountCredited) string { return e.Currency }, (*BankTotal).credited),
		es.OnKey(func(e DebitReturned) string { return e.Currency }, (*BankTotal).returned),
	},
}

func (t *BankTotal) opened(e AccountOpened) {
	t.Currency = e.Currency
	t.Accounts++
}

func (t *BankTotal) closed(e AccountClosed) {
	t.Currency = e.Currency
	t.Accounts--
}

func (t *BankTotal) deposited(e MoneyDeposited) {
	t.Currency = e.Currency
	t.Total, t.Balances = t.Total.Add(e.Amount), t.Balances.Add(e.Amount)
}

func (t *BankTotal) withdrawn(e MoneyWithdrawn) {
	t.Currency = e.Currency
	t.Total, t.Balances = t.Total.Sub(e.Amount), t.Balances.Sub(e.Amount)
}

func (t *BankTotal) debited(e AccountDebited) {
	t.Currency = e.Currency
	t.Balances, t.InFlight = t.Balances.Sub(e.Amount), t.InFlight.Add(e.Amount)
}

func (t *BankTotal) credited(e AccountCredited) { t.arrived(e.Movement) }
func (t *BankTotal) returned(e DebitReturned)   { t.arrived(e.Movement) }

// arrived removes money from the money in flight.
func (t *BankTotal) arrived(e Movement) {
	t.Currency = e.Currency
	t.Balances, t.InFlight = t.Balances.Add(e.Amount), t.InFlight.Sub(e.Amount)
}
