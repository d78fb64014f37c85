package banking

import (
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// DefaultStepTimeout is the default time that a transfer waits for the answer of an account.
const DefaultStepTimeout = 30 * time.Second

// transferring is the state of the process: the current step, and which accounts have answered. See the package's
// documentation for the steps.
type transferring struct {
	Transfer string `json:"transfer"`
	From     string `json:"from"`
	To       string `json:"to"`
	Amount   Money  `json:"amount"`
	Currency string `json:"currency"`

	Step           step   `json:"step"`
	Reason         string `json:"reason,omitempty"`          // why the transfer fails
	DebitAnswered  bool   `json:"debit_answered,omitempty"`  // accepted or rejected
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

// newTransferProcess returns the process "transfer", with one instance for each transfer.
func newTransferProcess(timeout time.Duration) es.Process[transferring] {
	return es.Process[transferring]{
		Name: "transfer",
		On: es.Reactions[transferring]{
			es.Start(es.StreamID, func(s transferring, e TransferRequested, m es.Meta) (transferring, []es.Effect) {
				return s.requested(e, m, timeout)
			}),
			es.OnResult(func(s transferring, _ Debit, r es.CommandResult) (transferring, []es.Effect) {
				return s.debited(r, timeout)
			}),
			es.OnResult(transferring.credited),
			es.OnResult(transferring.revoked),
			es.OnDeadline(string(debiting), func(s transferring, _ es.Meta) (transferring, []es.Effect) { return s.revoke("debit-not-answered") }),
			es.OnDeadline(string(crediting), func(s transferring, _ es.Meta) (transferring, []es.Effect) { return s.revoke("credit-not-answered") }),
		},
		Cancelled: func(s transferring, _ string, _ es.Meta) (transferring, []es.Effect) { return s.revoke("cancelled") },
	}
}

func (s transferring) movement() Movement {
	return Movement{Transfer: s.Transfer, Amount: s.Amount, Currency: s.Currency}
}

func (s transferring) requested(e TransferRequested, m es.Meta, timeout time.Duration) (transferring, []es.Effect) {
	s = transferring{Transfer: m.Stream.ID, From: e.From, To: e.To, Amount: e.Amount, Currency: e.Currency}
	return s.goTo(debiting, es.Send(s.From, Debit{s.movement()}), es.After(string(debiting), timeout))
}

// goTo returns the state at the next step.
func (s transferring) goTo(next step, effects ...es.Effect) (transferring, []es.Effect) {
	s.Step = next
	return s, append(effects, es.AtStep(string(next)))
}

func (s transferring) debited(r es.CommandResult, timeout time.Duration) (transferring, []es.Effect) {
	s.DebitAnswered = true
	switch {
	case s.Step == over:
		return s, s.settle(s.From)
	case s.Step != debiting:
		return s, nil // the answer to revoke decides about the debit
	case !r.Accepted:
		return s.revoke(r.Code)
	}
	return s.goTo(crediting, es.Cancel(string(debiting)), es.Send(s.To, Credit{s.movement()}), es.After(string(crediting), timeout))
}

func (s transferring) credited(_ Credit, r es.CommandResult) (transferring, []es.Effect) {
	s.CreditAnswered = true
	switch {
	case s.Step == over:
		return s, s.settle(s.To)
	case s.Step != crediting:
		return s, nil
	case !r.Accepted:
		return s.revoke(r.Code)
	}
	return s.completed()
}

// revoke sends "revoke" to the account of a debit or credit that was rejected or not answered, because the command may be
// delivered again and accepted. A transfer that is past the credit continues.
func (s transferring) revoke(reason string) (transferring, []es.Effect) {
	command := Revoke{Transfer: s.Transfer}
	switch s.Step {
	case debiting:
		s.Reason = reason
		return s.goTo(revokingDebit, es.Compensating(reason), es.Cancel(string(debiting)), es.Send(s.From, command))
	case crediting:
		s.Reason = reason
		return s.goTo(revokingCredit, es.Compensating(reason), es.Cancel(string(crediting)), es.Send(s.To, command))
	}
	return s, nil
}

func (s transferring) revoked(_ Revoke, r es.CommandResult) (transferring, []es.Effect) {
	switch {
	case s.Step == revokingCredit && r.Accepted:
		return s.returnDebit()
	case s.Step == revokingCredit && r.Code == "transfer-credited":
		return s.completed()
	case r.Accepted:
		return s.failed()
	}
	// No account rejects "revoke" otherwise. The panic parks the instance for an operator.
	panic(fmt.Sprintf("revoke was rejected at step %s: %s: %s", s.Step, r.Code, r.Message))
}

// returnDebit returns the debited money, after the credit is revoked.
func (s transferring) returnDebit() (transferring, []es.Effect) {
	return s.goTo(returning, es.Send(s.From, Revoke{Transfer: s.Transfer}))
}

func (s transferring) completed() (transferring, []es.Effect) {
	return s.end(Complete{}, es.Complete())
}

func (s transferring) failed() (transferring, []es.Effect) {
	return s.end(Fail{Reason: s.Reason}, es.Fail(s.Reason))
}

// end sends the transfer its result, and settles the accounts that have answered. An account whose answer is missing is settled
// when the answer arrives.
func (s transferring) end(command any, end es.Effect) (transferring, []es.Effect) {
	effects := []es.Effect{es.Send(s.Transfer, command)}
	if s.DebitAnswered {
		effects = append(effects, s.settle(s.From)...)
	}
	if s.CreditAnswered {
		effects = append(effects, s.settle(s.To)...)
	}
	return s.goTo(over, append(effects, end)...)
}

func (s transferring) settle(account string) []es.Effect {
	return []es.Effect{es.Send(account, Settle{Transfer: s.Transfer})}
}
