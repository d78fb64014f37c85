// Package banking keeps accounts and moves money between them. Read account.go and transfer.go first: they are the
// aggregates. transfer_process.go connects them; the other files are views.
//
// # How money moves
//
// A transfer touches two accounts, which are two streams: no single commit can move the money. A process does it in
// steps, each of which is one command to one account:
//
//	debit the source  →  credit the destination  →  complete the transfer  →  settle both accounts
//
// Between the first two steps the money is in flight: it has left one balance and is not in the other yet. At any moment
// the balances and what is in flight are together what was deposited and not withdrawn.
//
// # When a step is late, or rejected
//
// A command that has not been answered by its deadline may still be on its way, or have happened without the answer
// having come back. One that was rejected may be delivered once more, long after, and be accepted. The process must not
// guess: it sends "revoke" after the command, and the account's answer decides. An account handles one command at a time,
// those of one process in order, and remembers what it has answered to a transfer.
//
//   - The source was debited: revoke gives the money back. It was not: a debit that comes later is rejected.
//   - The destination was credited: revoke is rejected as transfer-credited, and the transfer completes. It was not: a
//     credit that comes later is rejected, and only now is the debit given back, by a revoke to the source.
//
// Giving back always works: an account whose debit is open can't be closed. An account that does not exist takes
// "revoke" as well, for it may be opened before the late command comes; one that is closed stays so and needs no memory.
//
// # What an account remembers
//
// An entry for each transfer that is not settled. The process settles a transfer when every command that it has sent to
// the account has been answered: a command that waits among the dead letters for days is still rejected when an operator
// retries it. What comes after the settlement can only repeat what was answered, and is known by its command id, as
// everywhere on this platform. The number of entries is bounded: an account with 1,000 of them takes no further transfer.
package banking

import (
	"time"

	"orchestrix/shared/es"
)

// Option changes how banking works. It is read once, when the program puts its modules together.
type Option func(*options)

type options struct{ stepTimeout time.Duration }

// StepTimeout sets how long a transfer waits for the answer of an account before it gives up.
func StepTimeout(timeout time.Duration) Option { return func(o *options) { o.stepTimeout = timeout } }

// Module is what banking offers to the platform.
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
