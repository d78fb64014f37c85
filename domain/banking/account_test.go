package banking_test

import (
	"fmt"
	"testing"

	"github.com/quagmt/udecimal"

	"github.com/orchestrix-go/orchestrix/domain/banking"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

func money(text string) banking.Money {
	return banking.Money{Decimal: udecimal.MustParse(text)}
}

func movement(transfer, amount string) banking.Movement {
	return banking.Movement{Transfer: transfer, Amount: money(amount), Currency: "EUR"}
}

var (
	opened    = banking.AccountOpened{Owner: "Ada", Currency: "EUR"}
	deposited = banking.MoneyDeposited{Amount: money("100"), Currency: "EUR"}
	emptied   = banking.MoneyWithdrawn{Amount: money("100"), Currency: "EUR"}
	closed    = banking.AccountClosed{Currency: "EUR"}

	debit    = banking.Debit{Movement: movement("t-1", "40.01")}
	debited  = banking.AccountDebited{Movement: movement("t-1", "40.01")}
	credit   = banking.Credit{Movement: movement("t-1", "40.01")}
	credited = banking.AccountCredited{Movement: movement("t-1", "40.01")}
	returned = banking.DebitReturned{Movement: movement("t-1", "40.01")}
	revoke   = banking.Revoke{Transfer: "t-1"}
	revoked  = banking.TransferRevoked{Transfer: "t-1"}
	settle   = banking.Settle{Transfer: "t-1"}
	settled  = banking.TransferSettled{Transfer: "t-1"}
)

func account(t *testing.T, events ...es.Event) *estest.Scenario[banking.Account] {
	t.Helper()
	return estest.Given(t, banking.AccountDecider, events...)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	account(t).When(banking.Open{Owner: "Ada", Currency: "EUR"}).Then(opened).
		When(banking.Open{Owner: "Bob", Currency: "USD"}).ThenRejected("account-already-open")
	account(t, opened, closed).When(banking.Open{Owner: "Ada", Currency: "EUR"}).ThenRejected("account-closed")
}

func TestDepositAndWithdraw(t *testing.T) {
	t.Parallel()
	deposit, withdraw := banking.Deposit{Amount: money("100")}, banking.Withdraw{Amount: money("0.0001")}
	account(t).When(deposit).ThenRejected("account-not-open")
	account(t).When(withdraw).ThenRejected("account-not-open")
	account(t, opened, closed).When(deposit).ThenRejected("account-closed")
	account(t, opened, closed).When(withdraw).ThenRejected("account-closed")
	account(t, opened).When(withdraw).ThenRejected("insufficient-funds")
	account(t, opened).When(deposit).Then(deposited).
		When(banking.Withdraw{Amount: money("100.0001")}).ThenRejected("insufficient-funds").
		When(banking.Withdraw{Amount: money("100")}).Then(emptied).
		When(withdraw).ThenRejected("insufficient-funds")
}

func TestClose(t *testing.T) {
	t.Parallel()
	account(t).When(banking.Close{}).ThenRejected("account-not-open")
	account(t, opened, deposited).When(banking.Close{}).ThenRejected("account-not-empty")
	account(t, opened, deposited, emptied).When(banking.Close{}).Then(closed).
		When(banking.Close{}).ThenRejected("account-closed")
}

// An account whose money may come back stays open; one that has paid out what came in need not.
func TestCloseWhileATransferIsOpen(t *testing.T) {
	t.Parallel()
	all := banking.AccountDebited{Movement: movement("t-1", "100")}
	account(t, opened, deposited, all).When(banking.Close{}).ThenRejected("transfer-in-flight").
		When(settle).Then(settled).
		When(banking.Close{}).Then(closed)
	account(t, opened, revoked).When(banking.Close{}).Then(closed)
	account(t, opened, credited, banking.MoneyWithdrawn{Amount: money("40.01"), Currency: "EUR"}).
		When(banking.Close{}).Then(closed).
		When(revoke).ThenRejected("transfer-credited").
		When(settle).Then(settled)
}

func TestDebit(t *testing.T) {
	t.Parallel()
	other := debit
	other.Currency = "USD"
	account(t).When(debit).ThenRejected("account-not-open")
	account(t, opened, closed).When(debit).ThenRejected("account-closed")
	account(t, opened).When(debit).ThenRejected("insufficient-funds")
	account(t, opened, deposited).When(other).ThenRejected("currency-mismatch")
	account(t, opened, deposited).When(debit).Then(debited).
		When(debit).ThenNothing().
		When(banking.Debit{Movement: movement("t-2", "60")}).ThenRejected("insufficient-funds").
		When(settle).Then(settled).
		ThenState(banking.Account{Status: banking.AccountOpen, Currency: "EUR", Balance: money("59.99")})
}

func TestCredit(t *testing.T) {
	t.Parallel()
	other := credit
	other.Currency = "USD"
	account(t).When(credit).ThenRejected("account-not-open")
	account(t, opened, closed).When(credit).ThenRejected("account-closed")
	account(t, opened).When(other).ThenRejected("currency-mismatch")
	account(t, opened).When(credit).Then(credited).
		When(credit).ThenNothing().
		When(settle).Then(settled).
		When(settle).ThenNothing().
		ThenState(banking.Account{Status: banking.AccountOpen, Currency: "EUR", Balance: money("40.01")})
}

// Every order in which a late debit and its revocation may come leaves the account with all of its money.
func TestRevokeADebit(t *testing.T) {
	t.Parallel()
	after := banking.Account{
		Status: banking.AccountOpen, Currency: "EUR", Balance: money("100"),
		Entries: map[string]banking.Entry{"t-1": {Kind: banking.Revoked}},
	}
	account(t, opened, deposited).When(debit).Then(debited).
		When(revoke).Then(returned).ThenState(after).
		When(revoke).ThenNothing().
		When(debit).ThenRejected("transfer-revoked")
	account(t, opened, deposited).When(revoke).Then(revoked).ThenState(after).
		When(debit).ThenRejected("transfer-revoked").
		When(revoke).ThenNothing().
		When(settle).Then(settled)
}

// Of a late credit and its revocation, the first is accepted and the second rejected.
func TestRevokeACredit(t *testing.T) {
	t.Parallel()
	account(t, opened, credited).When(revoke).ThenRejected("transfer-credited").
		When(credit).ThenNothing()
	account(t, opened).When(revoke).Then(revoked).
		When(credit).ThenRejected("transfer-revoked")
}

// An account that is opened after it was told to revoke a transfer still does not take its late credit.
func TestRevokeBeforeTheAccountIsOpen(t *testing.T) {
	t.Parallel()
	account(t).When(revoke).Then(revoked).
		When(banking.Open{Owner: "Ada", Currency: "EUR"}).Then(opened).
		When(credit).ThenRejected("transfer-revoked")
	account(t, opened, closed).When(revoke).ThenNothing().
		When(credit).ThenRejected("account-closed")
}

func TestOneAccountIsOneSideOfATransfer(t *testing.T) {
	t.Parallel()
	account(t, opened, deposited, debited).When(credit).ThenRejected("transfer-debited")
	account(t, opened, deposited, credited).When(debit).ThenRejected("transfer-credited")
}

func TestTransfersOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	full := banking.AccountDecider
	full.Initial = banking.Account{Status: banking.AccountOpen, Currency: "EUR", Balance: money("100"), Entries: map[string]banking.Entry{}}
	for i := range banking.MaxEntries {
		full.Initial.Entries[fmt.Sprint("late-", i)] = banking.Entry{Kind: banking.Revoked}
	}
	estest.Given(t, full).When(credit).ThenRejected("too-many-transfers").
		When(debit).ThenRejected("too-many-transfers").
		When(revoke).Then(revoked).
		When(banking.Settle{Transfer: "late-0"}).Then(banking.TransferSettled{Transfer: "late-0"}).
		When(settle).Then(settled).
		When(credit).Then(credited)
}
