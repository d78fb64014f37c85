// Package banking keeps accounts and moves money between them. Read account.go and transfer.go first: the other files
// are their commands and the views.
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
// # When a step is late
//
// A command that has not been answered by its deadline may still be on its way, or have happened without the answer
// having come back. Nobody may guess which. So the process sends "revoke" after it, and the account's answer decides: an
// account handles one command at a time, and remembers what it has answered to a transfer.
//
//   - The source was debited: revoke gives the money back. It was not: a debit that comes later is rejected.
//   - The destination was credited: revoke is rejected as transfer-credited, and the transfer completes. It was not: a
//     credit that comes later is rejected, and only now is the debit given back.
//   - The credit was rejected (the account is closed, not open, in another currency): revoke gives the debit back.
//
// Giving back always works: an account whose debit is open can't be closed. An account that does not exist can be told to
// revoke as well, for it may be opened before the late command comes; one that is closed stays so and needs no memory.
//
// # What an account remembers
//
// An entry for each transfer that is not settled. The process settles a transfer when every command that it has sent to
// the account has been answered, so no first attempt can come after that; a repetition of a command that was answered is
// known by its command id, as everywhere on this platform. The entries of debits and credits are bounded: an account with
// 1,000 of them takes no more.
package banking

import "orchestrix/shared/es"

// Module is what banking offers to the platform.
func Module() es.Module {
	return es.Module{
		Name:     "banking",
		Deciders: []es.DeciderDef{AccountDecider, TransferDecider},
		Views:    []es.ViewDef{AccountBalances, Transfers, BankTotals},
	}
}
