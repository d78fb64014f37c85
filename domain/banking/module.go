// Package banking is a sample domain: accounts, and transfers between them. Read the aggregates first, account.go and
// transfer.go. transfer_process.go connects them; the other files are views.
//
// # How money moves
//
// A transfer changes two accounts, which are two streams, so no single commit can move the money. A process does it in steps,
// each of which is one command to one account:
//
//	debit the source  →  credit the destination  →  complete the transfer  →  settle both accounts
//
// Between the first two steps the money is in flight: it has left one balance and has not reached the other. At any moment,
// the sum of the balances and the money in flight equals the deposits minus the withdrawals.
//
// # When a step is late, or rejected
//
// A command without an answer at its deadline may still be in flight, or may have been accepted while the answer was lost. A
// rejected command may be delivered again much later, and be accepted. The process does not guess: it sends "revoke" after the
// command, and the account's answer decides. An account handles one command at a time, those of one process in order, and
// records its answers to a transfer.
//
//   - Source: if it was debited, revoke returns the money; if not, a later debit is rejected.
//   - Destination: if it was credited, revoke is rejected as transfer-credited, and the transfer completes; if not, a later
//     credit is rejected, and then a revoke to the source returns the debit.
//
// A debit can always be returned, because an account with an open debit can't be closed. An account that does not exist accepts
// "revoke" too, because it may be opened before the late command arrives. A closed account stays closed and needs no record.
//
// # Entries of an account
//
// An entry for each transfer that is not settled. The process settles a transfer when every command that it has sent to
// the account has been answered: a command that waits among the dead letters for days is still rejected when an operator
// retries it. What comes after the settlement can only repeat what was answered, and is known by its command id, as
// everywhere on this platform. The number of entries is bounded: an account with 1,000 of them takes no further transfer.
package banking

import (
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// Option configures the module. Options are applied once, when the program makes its modules.
type Option func(*options)

type options struct{ stepTimeout time.Duration }

// StepTimeout sets the time that a transfer waits for the answer of an account; the default is [DefaultStepTimeout].
func StepTimeout(timeout time.Duration) Option { return func(o *options) { o.stepTimeout = timeout } }

// Module returns the bounded context banking.
func Module(with ...Option) es.Module {
	o := options{stepTimeout: DefaultStepTimeout}
	for _, option := range with {
		option(&o)
	}
	return es.Module{
		Name:      "banking",
		Deciders:  []es.DeciderDef{AccountDecider, TransferDecider},
		Views:     []es.ViewDef{AccountBalances, Transfers, BankTotals},
		Processes: []es.ProcessDef{newTransferProcess(o.stepTimeout)},
	}
}
