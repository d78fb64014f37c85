package banking

import (
	"time"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// TransferSummary is one transfer at a glance.
type TransferSummary struct {
	From        string         `json:"from" doc:"The account that the money comes from."`
	To          string         `json:"to" doc:"The account that the money goes to."`
	Amount      Money          `json:"amount" doc:"How much is moved, with four decimals."`
	Currency    string         `json:"currency" doc:"The currency of the amount."`
	Status      TransferStatus `json:"status" enum:"requested,completed,failed" doc:"How far the transfer has come."`
	Reason      string         `json:"reason,omitempty" doc:"Why it has failed: a code such as insufficient-funds."`
	RequestedAt time.Time      `json:"requested_at" doc:"When it was requested."`
	EndedAt     *time.Time     `json:"ended_at,omitempty" doc:"When it was completed or has failed."`
}

// Transfers is the view transfers, by transfer id.
var Transfers = es.View[TransferSummary]{
	Name:    "transfers",
	Version: 1,
	Doc:     "Each transfer at a glance, by transfer id.",
	Fields: es.Fields{
		{Name: "from", Kind: es.Text},
		{Name: "to", Kind: es.Text},
		{Name: "amount", Kind: es.Number},
		{Name: "currency", Kind: es.Text},
		{Name: "status", Kind: es.Text},
		{Name: "reason", Kind: es.Text},
	},
	On: es.Folds[TransferSummary]{
		es.OnWith((*TransferSummary).requested),
		es.OnWith((*TransferSummary).completed),
		es.OnWith((*TransferSummary).failed),
	},
}

func (s *TransferSummary) requested(e TransferRequested, m es.Meta) error {
	*s = TransferSummary{From: e.From, To: e.To, Amount: e.Amount, Currency: e.Currency, Status: Requested, RequestedAt: m.Time}
	return nil
}

func (s *TransferSummary) completed(_ TransferCompleted, m es.Meta) error {
	s.Status, s.EndedAt = Completed, &m.Time
	return nil
}

func (s *TransferSummary) failed(e TransferFailed, m es.Meta) error {
	s.Status, s.Reason, s.EndedAt = Failed, e.Reason, &m.Time
	return nil
}
