package e2e

import (
	"fmt"
	"math/big"
	"strings"
)

// auditor folds the events of a bank, without the domain's own code. Amounts are in ten-thousandths.
type auditor struct {
	balances  map[string]int64
	deposited int64
	transfers map[string]*audited
	problems  []string
}

// audited is one transfer according to the log.
type audited struct {
	from, to                 string
	amount                   int64
	requested                int
	debits, credits, returns []string // the accounts
	completed, failed        int
	reason                   string
}

func (a *auditor) problem(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

func (a *auditor) transfer(id string) *audited {
	if a.transfers[id] == nil {
		a.transfers[id] = &audited{}
	}
	return a.transfers[id]
}

// take folds an event; those of a stream come in order.
func (a *auditor) take(e logged) error {
	kind, ok := strings.CutPrefix(e.Type, "banking.")
	if !ok {
		return nil
	}
	f, err := fields(e.Data)
	if err != nil {
		return err
	}
	var amount int64
	if text := f["amount"]; text != "" {
		if amount, err = tenThousandths(text); err != nil {
			return err
		}
	}
	account := strings.TrimPrefix(e.Subject, "account-")
	t := func() *audited { return a.transfer(f["transfer"]) }
	switch kind {
	case "AccountOpened", "AccountClosed", "TransferRevoked", "TransferSettled":
	case "MoneyDeposited":
		a.balances[account] += amount
		a.deposited += amount
	case "AccountDebited":
		a.balances[account] -= amount
		t().debits = append(t().debits, fmt.Sprint(account, " ", amount))
	case "AccountCredited":
		a.balances[account] += amount
		t().credits = append(t().credits, fmt.Sprint(account, " ", amount))
	case "DebitReturned":
		a.balances[account] += amount
		t().returns = append(t().returns, fmt.Sprint(account, " ", amount))
	case "TransferRequested":
		t := a.transfer(strings.TrimPrefix(e.Subject, "transfer-"))
		t.from, t.to, t.amount = f["from"], f["to"], amount
		t.requested++
	case "TransferCompleted":
		a.transfer(strings.TrimPrefix(e.Subject, "transfer-")).completed++
	case "TransferFailed":
		t := a.transfer(strings.TrimPrefix(e.Subject, "transfer-"))
		t.failed++
		t.reason = f["reason"]
	default:
		return fmt.Errorf("%w: %s", errForeign, e.Type)
	}
	if a.balances[account] < 0 {
		return fmt.Errorf("the balance is %d ten-thousandths", a.balances[account])
	}
	return nil
}

func tenThousandths(text string) (int64, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no amount", text)
	}
	r.Mul(r, big.NewRat(10_000, 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, fmt.Errorf("%q has too many digits", text)
	}
	return r.Num().Int64(), nil
}

// sum is the total of all accounts.
func (a *auditor) sum() (sum int64) {
	for _, balance := range a.balances {
		sum += balance
	}
	return sum
}

// finish checks the invariants after the last event: all money is in an account, and each transfer took effect once or
// not at all.
func (a *auditor) finish(transfers int) {
	if sum := a.sum(); sum != a.deposited {
		a.problem("all balances are %d ten-thousandths in all, %d were deposited", sum, a.deposited)
	}
	if len(a.transfers) != transfers {
		a.problem("the log has %d transfers, %d were requested", len(a.transfers), transfers)
	}
	for id, t := range a.transfers {
		debit, credit := fmt.Sprint(t.from, " ", t.amount), fmt.Sprint(t.to, " ", t.amount)
		debits, credits, returns := fmt.Sprint(t.debits), fmt.Sprint(t.credits), fmt.Sprint(t.returns)
		once := func(movement string) string { return "[" + movement + "]" }
		moved := debits == once(debit) && credits == once(credit) && returns == "[]"
		back := credits == "[]" && debits == returns && (debits == "[]" || debits == once(debit))
		switch {
		case t.requested != 1 || t.completed+t.failed != 1:
			a.problem("transfer %s was requested %d times, completed %d times, and has failed %d times", id, t.requested, t.completed, t.failed)
		case t.completed == 1 && !moved, t.failed == 1 && !back:
			a.problem("transfer %s (%s → %s, completed %d, failed %d) has the debits %s, the credits %s and the returns %s", id, debit, t.to, t.completed, t.failed, debits, credits, returns)
		}
	}
}

// compare compares the views with the folded log.
func (a *auditor) compare(p *platform) {
	balances := p.list("account-balance", "")
	if len(balances) != len(a.balances) {
		a.problem("the view has %d accounts, the log %d", len(balances), len(a.balances))
	}
	for _, item := range balances {
		account, _ := item["key"].(string)
		if got := amountOf(item, "balance"); got != a.balances[account] {
			a.problem("account %s has %d ten-thousandths in the view, %d in the log", account, got, a.balances[account])
		}
	}
	for _, item := range p.list("transfers", "") {
		id, _ := item["key"].(string)
		data, _ := item["data"].(map[string]any)
		want := map[bool]string{true: "completed", false: "failed"}[a.transfer(id).completed == 1]
		reason, _ := data["reason"].(string)
		if data["status"] != want || reason != a.transfer(id).reason {
			a.problem("transfer %s is %v in the view, %s (%s) in the log", id, data, want, a.transfer(id).reason)
		}
	}
	totals := p.list("bank-total", "")
	if len(totals) != 1 || amountOf(totals[0], "total") != a.deposited || amountOf(totals[0], "balances") != a.deposited || amountOf(totals[0], "in_flight") != 0 {
		a.problem("the view of the total is %v, %d ten-thousandths were deposited", totals, a.deposited)
	}
}

// amountOf returns an amount of a view's document, or a number that no amount has if the field holds none.
func amountOf(item map[string]any, field string) int64 {
	data, _ := item["data"].(map[string]any)
	text, _ := data[field].(string)
	amount, err := tenThousandths(text)
	if err != nil {
		return -1
	}
	return amount
}

func (a *auditor) report() string {
	reasons := map[string]int{}
	completed := 0
	for _, t := range a.transfers {
		completed += t.completed
		if t.failed > 0 {
			reasons[t.reason]++
		}
	}
	return fmt.Sprintf("%d transfers completed, failed %v; deposited %d.%04d, missing %d ten-thousandths",
		completed, reasons, a.deposited/10_000, a.deposited%10_000, a.deposited-a.sum())
}
