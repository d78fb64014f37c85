package banking

import (
	"fmt"
	"time"

	"orchestrix/shared/es"
)

// DefaultStepTimeout is how long a transfer waits for the answer of an account, where a program says nothing else.
const DefaultStepTimeout = 30 * time.Second

// transferring is what the process knows of a transfer: which step it is at, and what the accounts have answered. See the
// package's documentation for the steps.
type transferring struct {
	Transfer string `json:"transfer"`
	From     string `json:"from"`
	To       string `json:"to"`
	Amount   Money  `json:"amount"`
	Currency string `json:"currency"`

	Step           step   `json:"step"`
	Reason         string `json:"reason,omitempty"`          // why it is going to fail
	DebitAnswered  bool   `json:"debit_answered,omitempty"`  // whatever the answer was
	CreditAnswered bool   `json:"credit_answered,omitempty"` // as above
}

type step string

const (
	debiting       step = "debit"
	revokingDebit  step = "revoke-debit"
	crediting      step = "credit"
	revokingCredit step = "revoke-credit"
	returning      step = "return"
	over           step = "over"
)

// newTransferProcess is the process transfer, an instance a transfer.
func newTransferProcess(timeout time.Duration) es.Process[transferring] {
	return es.Process[transferring]{
		Name: "transfer",
		On: es.Reactions[transferring]{
			es.Start(es.StreamID, func(s transferring, e TransferRequested, m es.Meta) (transferring, []es.Effect) {
				return s.requested(e, m, timeout)
			}),
			es.OnResult(func(s transferring, _ Debit, o es.CommandResult) (transferring, []es.Effect) {
				return s.debited(o, timeout)
			}),
			es.OnResult(transferring.credited),
			es.OnResult(transferring.revoked),
			es.OnDeadline(string(debiting), func(s transferring, _ es.Meta) (transferring, []es.Effect) { return s.giveUp("debit-not-answered") }),
			es.OnDeadline(string(crediting), func(s transferring, _ es.Meta) (transferring, []es.Effect) { return s.giveUp("credit-not-answered") }),
		},
		Cancelled: func(s transferring, _ string, _ es.Meta) (transferring, []es.Effect) { return s.giveUp("cancelled") },
	}
}

func (s transferring) movement() Movement {
	return Movement{Transfer: s.Transfer, Amount: s.Amount, Currency: s.Currency}
}

func (s transferring) requested(e TransferRequested, m es.Meta, timeout time.Duration) (transferring, []es.Effect) {
	s = transferring{Transfer: m.Stream.ID, From: e.From, To: e.To, Amount: e.Amount, Currency: e.Currency}
	return s.at(debiting, es.Send(s.From, Debit{s.movement()}), es.After(string(debiting), timeout))
}

// at goes to a step.
func (s transferring) at(next step, effects ...es.Effect) (transferring, []es.Effect) {
	s.Step = next
	return s, append(effects, es.AtStep(string(next)))
}

func (s transferring) debited(o es.CommandResult, timeout time.Duration) (transferring, []es.Effect) {
	s.DebitAnswered = true
	switch {
	case s.Step == over:
		return s, s.settle(s.From)
	case s.Step != debiting:
		return s, nil // the answer to revoke says what the debit has come to
	case !o.Accepted:
		return s.giveUp(o.Code)
	}
	return s.at(crediting, es.Cancel(string(debiting)), es.Send(s.To, Credit{s.movement()}), es.After(string(crediting), timeout))
}

func (s transferring) credited(_ Credit, o es.CommandResult) (transferring, []es.Effect) {
	s.CreditAnswered = true
	switch {
	case s.Step == over:
		return s, s.settle(s.To)
	case s.Step != crediting:
		return s, nil
	case !o.Accepted:
		return s.giveUp(o.Code)
	}
	return s.completed()
}

// giveUp asks the account that has not answered, or has rejected, to revoke the transfer: what was rejected once might be
// accepted when it is delivered again. A transfer that is further than that continues.
func (s transferring) giveUp(reason string) (transferring, []es.Effect) {
	revoke := Revoke{Transfer: s.Transfer}
	switch s.Step {
	case debiting:
		s.Reason = reason
		return s.at(revokingDebit, es.Compensating(reason), es.Cancel(string(debiting)), es.Send(s.From, revoke))
	case crediting:
		s.Reason = reason
		return s.at(revokingCredit, es.Compensating(reason), es.Cancel(string(crediting)), es.Send(s.To, revoke))
	}
	return s, nil
}

func (s transferring) revoked(_ Revoke, o es.CommandResult) (transferring, []es.Effect) {
	switch {
	case s.Step == revokingCredit && o.Accepted:
		return s.giveBack()
	case s.Step == revokingCredit && o.Code == "transfer-credited":
		return s.completed()
	case o.Accepted:
		return s.failed()
	}
	// No account says so. Whoever has changed that has to look at this transfer: the instance is parked.
	panic(fmt.Sprintf("revoke was rejected at step %s: %s: %s", s.Step, o.Code, o.Message))
}

// giveBack returns what was debited, now that it is certain not to be credited.
func (s transferring) giveBack() (transferring, []es.Effect) {
	return s.at(returning, es.Send(s.From, Revoke{Transfer: s.Transfer}))
}

func (s transferring) completed() (transferring, []es.Effect) {
	return s.end(Complete{}, es.Complete())
}

func (s transferring) failed() (transferring, []es.Effect) {
	return s.end(Fail{Reason: s.Reason}, es.Fail(s.Reason))
}

// end tells the transfer how it has ended, and settles the accounts that have answered everything. One whose debit or
// credit is still on its way is settled when the answer comes.
func (s transferring) end(command any, end es.Effect) (transferring, []es.Effect) {
	effects := []es.Effect{es.Send(s.Transfer, command)}
	if s.DebitAnswered {
		effects = append(effects, s.settle(s.From)...)
	}
	if s.CreditAnswered {
		effects = append(effects, s.settle(s.To)...)
	}
	return s.at(over, append(effects, end)...)
}

func (s transferring) settle(account string) []es.Effect {
	return []es.Effect{es.Send(account, Settle{Transfer: s.Transfer})}
}
