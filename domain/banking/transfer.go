package banking

import "github.com/orchestrix-go/orchestrix/shared/es"

// Events of a transfer.
type (
	// TransferRequested means that a client has requested a transfer between two accounts.
	TransferRequested struct {
		From     string `json:"from"`
		To       string `json:"to"`
		Amount   Money  `json:"amount"`
		Currency string `json:"currency"`
	}

	// TransferCompleted means that the money has arrived.
	TransferCompleted struct{}

	// TransferFailed means that the money was not moved, or was returned.
	TransferFailed struct {
		Reason string `json:"reason"`
	}
)

// Commands of a transfer.
type (
	// Request asks for a transfer of money from one account to another.
	Request struct {
		From     string `json:"from" format:"token" example:"ada" doc:"The id of the account that the money comes from."`
		To       string `json:"to" format:"token" example:"bob" doc:"The id of the account that the money goes to."`
		Amount   Money  `json:"amount" format:"positive-amount" example:"125.50" doc:"How much is moved."`
		Currency string `json:"currency" format:"currency" example:"EUR" doc:"The currency of the amount; both accounts must have the same."`
	}

	// Complete completes the transfer: the money has arrived. The process sends it.
	Complete struct{}

	// Fail fails the transfer: the money was not moved, or was returned. The process sends it.
	Fail struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" format:"text" example:"insufficient-funds" doc:"Why: the code of the account's rejection, or a code of the process."`
	}
)

// Transfer is the state of a transfer. Its zero value is one that was not requested.
type Transfer struct {
	Status TransferStatus `json:"status"`
}

// TransferStatus is the status of a transfer.
type TransferStatus string

// The statuses of a transfer.
const (
	NotRequested TransferStatus = ""
	Requested    TransferStatus = "requested"
	Completed    TransferStatus = "completed"
	Failed       TransferStatus = "failed"
)

// TransferDecider decides transfers. Their streams are transfer-t-1, transfer-t-2, …
var TransferDecider = es.Decider[Transfer]{
	Category: "transfer",
	Decide: es.Commands[Transfer]{
		es.Handle("request", Transfer.request).Doc("Request a transfer between two accounts"),
		es.Handle("complete", Transfer.complete).Internal(),
		es.Handle("fail", Transfer.fail).Internal(),
	},
	Evolve: es.Events[Transfer]{
		es.Apply("TransferRequested", Transfer.requested),
		es.Apply("TransferCompleted", Transfer.completed),
		es.Apply("TransferFailed", Transfer.failed),
	},
}

// Decide functions.

func (t Transfer) request(c Request) ([]es.Event, error) {
	switch {
	case t.Status != NotRequested:
		return es.Reject("transfer-already-requested", "the transfer has been requested before; a new transfer needs a new id")
	case c.From == c.To:
		return es.Reject("same-account", "the money is in account %s already", c.From)
	}
	return es.Accept(TransferRequested(c))
}

func (t Transfer) complete(Complete) ([]es.Event, error) {
	switch t.Status {
	case NotRequested:
		return t.notRequested()
	case Completed:
		return es.Accept()
	case Failed:
		return es.Reject("transfer-failed", "the transfer has failed")
	}
	return es.Accept(TransferCompleted{})
}

func (t Transfer) fail(c Fail) ([]es.Event, error) {
	switch t.Status {
	case NotRequested:
		return t.notRequested()
	case Completed:
		return es.Reject("transfer-completed", "the transfer has been completed")
	case Failed:
		return es.Accept()
	}
	return es.Accept(TransferFailed(c))
}

func (t Transfer) notRequested() ([]es.Event, error) {
	return es.Reject("transfer-not-requested", "the transfer has not been requested")
}

// Evolve functions.

func (t Transfer) requested(TransferRequested) Transfer { return Transfer{Status: Requested} }
func (t Transfer) completed(TransferCompleted) Transfer { return Transfer{Status: Completed} }
func (t Transfer) failed(TransferFailed) Transfer       { return Transfer{Status: Failed} }
