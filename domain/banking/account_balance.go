package banking

import "github.com/orchestrix-go/orchestrix/shared/es"

// AccountBalance is one account at a glance.
type AccountBalance struct {
	Owner    string        `json:"owner" doc:"Whose account it is."`
	Currency string        `json:"currency" doc:"The currency of all of the account's amounts."`
	Balance  Money         `json:"balance" doc:"What the account holds, with four decimals."`
	Status   AccountStatus `json:"status" enum:"open,closed" doc:"Whether the account takes anything."`
}

// AccountBalances is the view account-balance, by account id.
var AccountBalances = es.View[AccountBalance]{
	Name:    "account-balance",
	Version: 1,
	Doc:     "Each account at a glance, by account id.",
	Fields: es.Fields{
		{Name: "owner", Kind: es.Text},
		{Name: "currency", Kind: es.Text},
		{Name: "balance", Kind: es.Number},
		{Name: "status", Kind: es.Text},
	},
	On: es.Folds[AccountBalance]{
		es.On((*AccountBalance).opened),
		es.On((*AccountBalance).deposited),
		es.On((*AccountBalance).withdrawn),
		es.On((*AccountBalance).debited),
		es.On((*AccountBalance).credited),
		es.On((*AccountBalance).returned),
		es.On((*AccountBalance).closed),
	},
}

func (b *AccountBalance) opened(e AccountOpened) {
	*b = AccountBalance{Owner: e.Owner, Currency: e.Currency, Status: AccountOpen}
}

func (b *AccountBalance) deposited(e MoneyDeposited) { b.Balance = b.Balance.Add(e.Amount) }
func (b *AccountBalance) withdrawn(e MoneyWithdrawn) { b.Balance = b.Balance.Sub(e.Amount) }

func (b *AccountBalance) debited(e AccountDebited)   { b.Balance = b.Balance.Sub(e.Amount) }
func (b *AccountBalance) credited(e AccountCredited) { b.Balance = b.Balance.Add(e.Amount) }

func (b *AccountBalance) returned(e DebitReturned) { b.Balance = b.Balance.Add(e.Amount) }
func (b *AccountBalance) closed(AccountClosed)     { b.Status = AccountIsClosed }
