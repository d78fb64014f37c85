package banking

import (
	"maps"

	"orchestrix/shared/es"
)

// Events: what has happened to an account.
type (
	// AccountOpened says that an account exists, without money so far.
	AccountOpened struct {
		Owner    string `json:"owner"`
		Currency string `json:"currency"`
	}

	// MoneyDeposited says that money has come in from outside of the bank.
	MoneyDeposited struct {
		Amount   Money  `json:"amount"`
		Currency string `json:"currency"`
	}

	// MoneyWithdrawn says that money has left the bank.
	MoneyWithdrawn struct {
		Amount   Money  `json:"amount"`
		Currency string `json:"currency"`
	}

	// AccountDebited says that a transfer has taken its money out of this account: it is in flight.
	AccountDebited struct{ Movement }

	// AccountCredited says that the money of a transfer has arrived in this account.
	AccountCredited struct{ Movement }

	// DebitReturned says that the money of a debit is back, and that the transfer gets none from here any more.
	DebitReturned struct{ Movement }

	// TransferRevoked says that a transfer gets no money from this account, and brings none, from now on.
	TransferRevoked struct {
		Transfer string `json:"transfer"`
	}

	// TransferSettled says that a transfer is over and that the account no longer remembers it.
	TransferSettled struct {
		Transfer string `json:"transfer"`
	}

	// AccountClosed says that the account takes nothing more.
	AccountClosed struct {
		Currency string `json:"currency"`
	}
)

// Commands of an account, from its owner. The struct tags of a command are its validation, over HTTP and over the bus,
// and its documentation in OpenAPI.
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

	// Close closes an account that holds no money, for good.
	Close struct{}
)

// Commands of an account, from the process that moves money.
type (
	// Debit takes a transfer's money out of its source.
	Debit struct{ Movement }

	// Credit puts a transfer's money into its destination.
	Credit struct{ Movement }

	// Revoke asks that no money of a transfer moves here from now on. A debit that has happened is given back; a credit
	// that has happened stays, and the command is rejected.
	Revoke struct {
		Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	}

	// Settle says that the transfer is over: the account need not remember it any more.
	Settle struct {
		Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	}
)

// Movement is one side of a transfer: the part that its commands and events share.
type Movement struct {
	Transfer string `json:"transfer" format:"token" example:"t-1" doc:"The transfer's id."`
	Amount   Money  `json:"amount" format:"positive-amount" example:"125.50" doc:"How much is moved."`
	Currency string `json:"currency" format:"currency" example:"EUR" doc:"The transfer's currency; the account must have the same."`
}

// Account is the state: what it takes to decide the next command. Its zero value is an account that was not opened.
type Account struct {
	Status   AccountStatus    `json:"status"`
	Currency string           `json:"currency"`
	Balance  Money            `json:"balance"`
	Entries  map[string]Entry `json:"entries,omitempty"` // by transfer, those that are not settled
}

// AccountStatus is how far an account has come.
type AccountStatus string

// The status of an account.
const (
	AccountNotOpen  AccountStatus = ""
	AccountOpen     AccountStatus = "open"
	AccountIsClosed AccountStatus = "closed"
)

// Entry is what an account remembers of a transfer.
type Entry struct {
	Kind   EntryKind `json:"kind"`
	Amount Money     `json:"amount"` // that was debited or credited
}

// EntryKind is what an account has done for a transfer.
type EntryKind string

// What an account has done for a transfer.
const (
	Nothing  EntryKind = ""
	Debited  EntryKind = "debited"
	Credited EntryKind = "credited"
	Revoked  EntryKind = "revoked"
)

// MaxEntries is how many transfers that are not settled an account takes part in at most.
const MaxEntries = 1000

// AccountDecider is the account: its streams are account-ada, account-bob, …
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

// Decide: what a command makes happen, or why not. The commands of a transfer are decided in account_transfers.go.

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

// notOpen is the answer to a command that only an open account takes.
func (a Account) notOpen() ([]es.Event, error) {
	if a.Status == AccountIsClosed {
		return es.Reject("account-closed", "the account has been closed")
	}
	return es.Reject("account-not-open", "the account has not been opened")
}

func (a Account) insufficient(amount Money) ([]es.Event, error) {
	return es.Reject("insufficient-funds", "the account holds %s %s, which is less than %s", a.Balance.StringFixed(4), a.Currency, amount.StringFixed(4))
}

// Evolve: how the state follows from the events.

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
