package banking

import (
	"maps"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Events of an account.
type (
	// AccountOpened means that the account exists, with a balance of zero.
	AccountOpened struct {
		Owner    string `json:"owner"`
		Currency string `json:"currency"`
	}

	// MoneyDeposited records that money was paid in from outside of the bank.
	MoneyDeposited struct {
		Amount   Money  `json:"amount"`
		Currency string `json:"currency"`
	}

	// MoneyWithdrawn records that money was paid out of the bank.
	MoneyWithdrawn struct {
		Amount   Money  `json:"amount"`
		Currency string `json:"currency"`
	}

	// AccountDebited means that the money of a transfer has left this account and is in flight.
	AccountDebited struct{ Movement }

	// AccountCredited means that the money of a transfer has arrived in this account.
	AccountCredited struct{ Movement }

	// DebitReturned means that the money of a debit is back, and later debits of the transfer are rejected.
	DebitReturned struct{ Movement }

	// TransferRevoked means that later debits and credits of the transfer are rejected.
	TransferRevoked struct {
		Transfer string `json:"transfer"`
	}

	// TransferSettled means that the transfer has ended, and its entry is removed.
	TransferSettled struct {
		Transfer string `json:"transfer"`
	}

	// AccountClosed means that the account accepts no further commands.
	AccountClosed struct {
		Currency string `json:"currency"`
	}
)

// Commands of the account's owner. Struct tags are the validation of commands over HTTP and the bus, and their documentation
// in OpenAPI.
type (
	// Open opens an account without money.
	Open struct {
		Owner    string `json:"owner" minLength:"1" maxLength:"200" format:"text" example:"Ada Lovelace" doc:"Whose account it is."`
		Currency string `json:"currency" format:"currency" example:"EUR" doc:"The currency of all of the account's amounts."`
	}

	// Deposit puts money into the account, from outside of the bank.
	Deposit struct {
		Amount Money `json:"amount" format:"positive-amount" example:"125.50" doc:"How much is paid in."`
	}

	// Withdraw takes money out of the account and out of the bank.
	Withdraw struct {
		Amount Money `json:"amount" format:"positive-amount" example:"125.50" doc:"How much is paid out."`
	}

	// Close closes an empty account permanently.
	Close struct{}
)

// Commands of the process "transfer".
type (
	// Debit takes a transfer's money out of its source account.
	Debit struct{ Movement }

	// Credit puts a transfer's money into its destination account.
	Credit struct{ Movement }

	// Revoke rejects later debits and credits of a transfer. An earlier debit is returned. After an earlier credit, the
	// command is rejected.
	Revoke struct {
		Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	}

	// Settle removes the entry of a transfer that has ended.
	Settle struct {
		Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	}
)

// Movement is one side of a transfer: the common part of its commands and events.
type Movement struct {
	Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	Amount   Money  `json:"amount" format:"positive-amount" example:"125.50" doc:"How much is moved."`
	Currency string `json:"currency" format:"currency" example:"EUR" doc:"The transfer's currency; the account must have the same."`
}

// Account is the state of an account. Its zero value is an account that was not opened.
type Account struct {
	Status   AccountStatus    `json:"status"`
	Currency string           `json:"currency"`
	Balance  Money            `json:"balance"`
	Entries  map[string]Entry `json:"entries,omitempty"` // by transfer, until it is settled
}

// AccountStatus is the status of an account.
type AccountStatus string

// The statuses of an account.
const (
	AccountNotOpen  AccountStatus = ""
	AccountOpen     AccountStatus = "open"
	AccountIsClosed AccountStatus = "closed"
)

// Entry is an account's record of a transfer.
type Entry struct {
	Kind   EntryKind `json:"kind"`
	Amount Money     `json:"amount"` // debited or credited
}

// EntryKind is the last change of an account by a transfer.
type EntryKind string

// The kinds of entries.
const (
	Nothing  EntryKind = ""
	Debited  EntryKind = "debited"
	Credited EntryKind = "credited"
	Revoked  EntryKind = "revoked"
)

// MaxEntries is the maximum number of transfers of an account that are not settled.
const MaxEntries = 1000

// AccountDecider decides accounts. Their streams are account-ada, account-bob, …
var AccountDecider = es.Decider[Account]{
	Category: "account",
	Decide: es.Commands[Account]{
		es.Handle("open", Account.open).Doc("Open an account"),
		es.Handle("deposit", Account.deposit).Doc("Deposit money from outside of the bank"),
		es.Handle("withdraw", Account.withdraw).Doc("Withdraw money from the bank"),
		es.Handle("close", Account.close).Doc("Close an empty account"),
		es.Handle("debit", Account.debit).Internal(),
		es.Handle("credit", Account.credit).Internal(),
		es.Handle("revoke", Account.revoke).Internal(),
		es.Handle("settle", Account.settle).Internal(),
	},
	Evolve: es.Events[Account]{
		es.Apply("AccountOpened", Account.opened),
		es.Apply("MoneyDeposited", Account.deposited),
		es.Apply("MoneyWithdrawn", Account.withdrawn),
		es.Apply("AccountDebited", Account.debited),
		es.Apply("AccountCredited", Account.credited),
		es.Apply("DebitReturned", Account.returned),
		es.Apply("TransferRevoked", Account.revoked),
		es.Apply("TransferSettled", Account.settled),
		es.Apply("AccountClosed", Account.closed),
	},
}

// Decide functions. Those of the process's commands are in account_transfers.go.

func (a Account) open(c Open) ([]es.Event, error) {
	switch a.Status {
	case AccountOpen:
		return es.Reject("account-already-open", "the account has been opened before; a new account needs a new id")
	case AccountIsClosed:
		return a.notOpen()
	}
	return es.Accept(AccountOpened(c))
}

func (a Account) deposit(c Deposit) ([]es.Event, error) {
	if a.Status != AccountOpen {
		return a.notOpen()
	}
	return es.Accept(MoneyDeposited{Amount: c.Amount, Currency: a.Currency})
}

func (a Account) withdraw(c Withdraw) ([]es.Event, error) {
	switch {
	case a.Status != AccountOpen:
		return a.notOpen()
	case a.Balance.LessThan(c.Amount.Decimal):
		return a.insufficient(c.Amount)
	}
	return es.Accept(MoneyWithdrawn{Amount: c.Amount, Currency: a.Currency})
}

func (a Account) close(Close) ([]es.Event, error) {
	switch {
	case a.Status != AccountOpen:
		return a.notOpen()
	case !a.Balance.IsZero():
		return es.Reject("account-not-empty", "the account holds %s %s: withdraw or transfer it first", a.Balance.StringFixed(4), a.Currency)
	}
	for _, entry := range a.Entries {
		if entry.Kind == Debited {
			return es.Reject("transfer-in-flight", "money of a transfer from this account may come back: wait until it is settled")
		}
	}
	return es.Accept(AccountClosed{Currency: a.Currency})
}

// notOpen rejects a command that only an open account accepts.
func (a Account) notOpen() ([]es.Event, error) {
	if a.Status == AccountIsClosed {
		return es.Reject("account-closed", "the account has been closed")
	}
	return es.Reject("account-not-open", "the account has not been opened")
}

func (a Account) insufficient(amount Money) ([]es.Event, error) {
	return es.Reject("insufficient-funds", "the account holds %s %s, which is less than %s", a.Balance.StringFixed(4), a.Currency, amount.StringFixed(4))
}

// Evolve functions.

func (a Account) opened(e AccountOpened) Account {
	a.Status, a.Currency = AccountOpen, e.Currency
	return a
}

func (a Account) deposited(e MoneyDeposited) Account {
	a.Balance = a.Balance.Add(e.Amount)
	return a
}

func (a Account) withdrawn(e MoneyWithdrawn) Account {
	a.Balance = a.Balance.Sub(e.Amount)
	return a
}

func (a Account) debited(e AccountDebited) Account {
	a.Balance = a.Balance.Sub(e.Amount)
	return a.with(e.Transfer, Entry{Kind: Debited, Amount: e.Amount})
}

func (a Account) credited(e AccountCredited) Account {
	a.Balance = a.Balance.Add(e.Amount)
	return a.with(e.Transfer, Entry{Kind: Credited, Amount: e.Amount})
}

func (a Account) returned(e DebitReturned) Account {
	a.Balance = a.Balance.Add(e.Amount)
	return a.with(e.Transfer, Entry{Kind: Revoked})
}

func (a Account) revoked(e TransferRevoked) Account {
	return a.with(e.Transfer, Entry{Kind: Revoked})
}

func (a Account) settled(e TransferSettled) Account {
	a.Entries = maps.Clone(a.Entries)
	delete(a.Entries, e.Transfer)
	return a
}

func (a Account) closed(AccountClosed) Account {
	a.Status = AccountIsClosed
	return a
}

func (a Account) with(transfer string, e Entry) Account {
	entries := make(map[string]Entry, len(a.Entries)+1)
	maps.Copy(entries, a.Entries)
	entries[transfer] = e
	a.Entries = entries
	return a
}
