package banking

import "github.com/orchestrix-go/orchestrix/shared/es"

// Decide functions of the process's commands. A repeated command is accepted without events.

func (a Account) debit(c Debit) ([]es.Event, error) {
	switch a.Entries[c.Transfer].Kind {
	case Debited:
		return es.Accept()
	case Revoked:
		return a.rejectRevoked(c.Transfer)
	case Credited:
		return es.Reject("transfer-credited", "the account is the destination of transfer %s", c.Transfer)
	}
	if events, err := a.checkMovement(c.Movement); err != nil {
		return events, err
	}
	if a.Balance.LessThan(c.Amount.Decimal) {
		return a.insufficient(c.Amount)
	}
	return es.Accept(AccountDebited(c))
}

func (a Account) credit(c Credit) ([]es.Event, error) {
	switch a.Entries[c.Transfer].Kind {
	case Credited:
		return es.Accept()
	case Revoked:
		return a.rejectRevoked(c.Transfer)
	case Debited:
		return es.Reject("transfer-debited", "the account is the source of transfer %s", c.Transfer)
	}
	if events, err := a.checkMovement(c.Movement); err != nil {
		return events, err
	}
	return es.Accept(AccountCredited(c))
}

// revoke is decided in any status of the account, see the package's documentation.
func (a Account) revoke(c Revoke) ([]es.Event, error) {
	entry := a.Entries[c.Transfer]
	switch {
	case entry.Kind == Revoked:
		return es.Accept()
	case entry.Kind == Debited:
		return es.Accept(DebitReturned{Movement{Transfer: c.Transfer, Amount: entry.Amount, Currency: a.Currency}})
	case entry.Kind == Credited:
		return es.Reject("transfer-credited", "the money of transfer %s has arrived", c.Transfer)
	case a.Status == AccountIsClosed:
		return es.Accept() // a closed account rejects debits and credits
	}
	return es.Accept(TransferRevoked(c))
}

func (a Account) settle(c Settle) ([]es.Event, error) {
	if a.Entries[c.Transfer].Kind == Nothing {
		return es.Accept()
	}
	return es.Accept(TransferSettled(c))
}

// checkMovement rejects a debit or credit that the account can't accept.
func (a Account) checkMovement(m Movement) ([]es.Event, error) {
	switch {
	case a.Status != AccountOpen:
		return a.notOpen()
	case a.Currency != m.Currency:
		return es.Reject("currency-mismatch", "the account is in %s, the transfer in %s", a.Currency, m.Currency)
	case len(a.Entries) >= MaxEntries:
		return es.Reject("too-many-transfers", "the account takes part in %d transfers that are not settled: try again later", len(a.Entries))
	}
	return nil, nil
}

func (a Account) rejectRevoked(transfer string) ([]es.Event, error) {
	return es.Reject("transfer-revoked", "transfer %s was revoked before this", transfer)
}
