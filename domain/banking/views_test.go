package banking_test

import (
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

func project[D any](t *testing.T, view es.View[D]) *estest.Projection[D] {
	t.Helper()
	t.Parallel()
	return estest.Project(t, banking.Module(), view)
}

func TestAccountBalance(t *testing.T) {
	balance := func(amount string, status banking.AccountStatus) banking.AccountBalance {
		return banking.AccountBalance{Owner: "Ada", Currency: "EUR", Balance: money(amount), Status: status}
	}
	project(t, banking.AccountBalances).
		On("early", revoked).ThenNone("early").
		On("ada", opened).Then("ada", balance("0", banking.AccountOpen)).
		On("ada", deposited, debited).Then("ada", balance("59.99", banking.AccountOpen)).
		On("ada", returned, settled).Then("ada", balance("100", banking.AccountOpen)).
		On("ada", credited).Then("ada", balance("140.01", banking.AccountOpen)).
		On("ada", banking.MoneyWithdrawn{Amount: money("140.01"), Currency: "EUR"}, closed).Then("ada", balance("0", banking.AccountIsClosed))
}

func TestTransfers(t *testing.T) {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	end := start.Add(time.Second)
	summary := banking.TransferSummary{From: "ada", To: "bob", Amount: money("40.01"), Currency: "EUR", Status: banking.Requested, RequestedAt: start}
	done, not := summary, summary
	done.Status, done.EndedAt = banking.Completed, &end
	not.Status, not.EndedAt, not.Reason = banking.Failed, &end, "insufficient-funds"
	project(t, banking.Transfers).
		At(start).On("t-1", requested).On("t-2", requested).Then("t-1", summary).
		At(end).On("t-1", completed).On("t-2", failed).Then("t-1", done).Then("t-2", not)
}

func TestBankTotal(t *testing.T) {
	total := func(accounts int, total, balances, inFlight string) banking.BankTotal {
		return banking.BankTotal{Currency: "EUR", Accounts: accounts, Total: money(total), Balances: money(balances), InFlight: money(inFlight)}
	}
	elsewhere := banking.AccountOpened{Owner: "Bob", Currency: "USD"}
	project(t, banking.BankTotals).
		On("ada", opened, deposited).On("bob", opened).On("bob-usd", elsewhere).
		Then("EUR", total(2, "100", "100", "0")).
		Then("USD", banking.BankTotal{Currency: "USD", Accounts: 1}).
		On("ada", debited).Then("EUR", total(2, "100", "59.99", "40.01")).
		On("bob", credited).Then("EUR", total(2, "100", "100", "0")).
		On("ada", settled).On("bob", settled).
		On("ada", banking.AccountDebited{Movement: movement("t-2", "10")}).Then("EUR", total(2, "100", "90", "10")).
		On("ada", banking.DebitReturned{Movement: movement("t-2", "10")}).Then("EUR", total(2, "100", "100", "0")).
		On("ada", banking.MoneyWithdrawn{Amount: money("59.99"), Currency: "EUR"}, closed).
		Then("EUR", total(1, "40.01", "40.01", "0"))
}

// Partitions have no common order: a credit that is folded before its debit comes out right as well.
func TestBankTotalInAnyOrder(t *testing.T) {
	project(t, banking.BankTotals).
		On("bob", credited).On("ada", debited).
		Then("EUR", banking.BankTotal{Currency: "EUR"})
}
