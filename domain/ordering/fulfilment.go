package ordering

import (
	"cmp"
	"slices"
	"time"

	"orchestrix/shared/es"
)

// fulfilling is what the process fulfilment knows of a managed order. It keeps the goods of each line ready, takes the
// payment and confirms the order; where a step fails, it undoes those before it, the last one first.
//
//	reserve (all products at once)  →  authorize  →  capture  →  confirm  →  issue
//	fail the order  ←  release  ←  refund
//
// A step that is not answered in time counts as failed, and may have happened all the same: what undoes it is sent after
// it, and a product that is reserved later than that is released when its answer comes. The answer to "confirm" is waited
// for however long it takes, since it alone decides whether the order is confirmed.
type fulfilling struct {
	Order   string  `json:"order"`
	Amount  Money   `json:"amount"`
	Goods   []goods `json:"goods"`
	Step    step    `json:"step"`
	Waiting int     `json:"waiting,omitempty"` // for so many answers about goods
	Reason  string  `json:"reason,omitempty"`  // why the order is going to fail
}

// goods are what the order takes of one product.
type goods struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
	Rejected bool   `json:"rejected,omitempty"`
}

type step string

const (
	reserving   step = "reserve"
	authorizing step = "authorize"
	capturing   step = "capture"
	confirming  step = "confirm"
	issued      step = "issue"
	refunding   step = "refund"
	releasing   step = "release"
	failed      step = "fail"
)

// stepTimeout is how long a step waits for its answers.
const stepTimeout = 30 * time.Second

// FulfilmentProcess is the process fulfilment: an instance for each managed order, with the order's id.
var FulfilmentProcess es.ProcessDef = es.Process[fulfilling]{
	Name: "fulfilment",
	On: es.Reactions[fulfilling]{
		es.Start(managedOrder, fulfilling.placed),
		es.OnOutcome(fulfilling.reserved),
		es.OnOutcome(fulfilling.authorized),
		es.OnOutcome(fulfilling.captured),
		es.OnOutcome(fulfilling.confirmed),
		es.OnOutcome(fulfilling.refunded),
		es.OnOutcome(fulfilling.released),
		es.OnDeadline(string(reserving), func(f fulfilling, _ es.Meta) (fulfilling, []es.Effect) { return f.undo("reserve-not-answered") }),
		es.OnDeadline(string(authorizing), func(f fulfilling, _ es.Meta) (fulfilling, []es.Effect) { return f.undo("authorize-not-answered") }),
		es.OnDeadline(string(capturing), func(f fulfilling, _ es.Meta) (fulfilling, []es.Effect) { return f.undo("capture-not-answered") }),
	},
	Cancelled: func(f fulfilling, _ string, _ es.Meta) (fulfilling, []es.Effect) { return f.undo("cancelled") },
}

func managedOrder(e OrderPlaced, m es.Meta) string {
	if e.Fulfilment != Managed {
		return ""
	}
	return m.Stream.ID
}

// placed reserves the goods. Lines of the same product are one reservation.
func (f fulfilling) placed(e OrderPlaced, m es.Meta) (fulfilling, []es.Effect) {
	f = fulfilling{Order: m.Stream.ID, Amount: e.NetTotal().Add(e.Freight)}
	for _, line := range e.Lines {
		i := slices.IndexFunc(f.Goods, func(g goods) bool { return g.Product == line.ProductID })
		if i < 0 {
			f.Goods = append(f.Goods, goods{Product: line.ProductID, Quantity: line.Quantity})
		} else {
			f.Goods[i].Quantity += line.Quantity
		}
	}
	effects := []es.Effect{es.After(string(reserving), stepTimeout)}
	for _, g := range f.Goods {
		effects = append(effects, es.Send(g.Product, Reserve{Order: f.Order, Quantity: g.Quantity}).Tagged(g.Product))
	}
	f.Waiting = len(f.Goods)
	return f.at(reserving, effects...)
}

// at goes to a step.
func (f fulfilling) at(next step, effects ...es.Effect) (fulfilling, []es.Effect) {
	f.Step = next
	return f, append(effects, es.AtStep(string(next)))
}

// next goes to a step that one answer ends, in time.
func (f fulfilling) next(next step, send es.Effect) (fulfilling, []es.Effect) {
	done := es.Cancel(string(f.Step))
	return f.at(next, done, send, es.After(string(next), stepTimeout))
}

func (f fulfilling) reserved(_ Reserve, o es.CommandOutcome) (fulfilling, []es.Effect) {
	f.Goods = slices.Clone(f.Goods)
	i := slices.IndexFunc(f.Goods, func(g goods) bool { return g.Product == o.Tag })
	f.Goods[i].Rejected = !o.Accepted
	switch {
	case f.Step == reserving:
		return f.reservedOne(o)
	case f.Reason == "" || !o.Accepted:
		return f, nil
	case f.Step == releasing:
		f.Waiting++
	}
	return f, []es.Effect{f.release(f.Goods[i])} // it may have come after the first release
}

// reservedOne waits until all products have answered: those that have been reserved can be released then.
func (f fulfilling) reservedOne(o es.CommandOutcome) (fulfilling, []es.Effect) {
	if !o.Accepted && f.Reason == "" {
		f.Reason = o.Code
	}
	f.Waiting--
	switch {
	case f.Waiting > 0:
		return f, nil
	case f.Reason != "":
		return f.undo(f.Reason)
	}
	return f.next(authorizing, es.Send(f.Order, Authorize{Amount: f.Amount}))
}

func (f fulfilling) authorized(_ Authorize, o es.CommandOutcome) (fulfilling, []es.Effect) {
	switch {
	case f.Step != authorizing:
		return f, nil // it is refunded
	case !o.Accepted:
		return f.undo(o.Code)
	}
	return f.next(capturing, es.Send(f.Order, Capture{}))
}

func (f fulfilling) captured(_ Capture, o es.CommandOutcome) (fulfilling, []es.Effect) {
	switch {
	case f.Step != capturing:
		return f, nil // it is refunded
	case !o.Accepted:
		return f.undo(o.Code)
	}
	return f.at(confirming, es.Cancel(string(capturing)), es.Send(f.Order, Confirm{}))
}

// confirmed lets the goods go. The order may have been cancelled meanwhile.
func (f fulfilling) confirmed(_ Confirm, o es.CommandOutcome) (fulfilling, []es.Effect) {
	if !o.Accepted {
		return f.compensate(o.Code, true)
	}
	var effects []es.Effect
	for _, g := range f.Goods {
		effects = append(effects, es.Send(g.Product, Issue{Order: f.Order}))
	}
	return f.at(issued, append(effects, es.Complete())...)
}

// undo begins to undo what has been done; from "confirm" on, it is too late for that.
func (f fulfilling) undo(reason string) (fulfilling, []es.Effect) {
	switch f.Step {
	case reserving:
		return f.compensate(cmp.Or(f.Reason, reason), false)
	case authorizing, capturing:
		return f.compensate(reason, true)
	}
	return f, nil
}

func (f fulfilling) compensate(reason string, payment bool) (fulfilling, []es.Effect) {
	f.Reason = reason
	begin := []es.Effect{es.Compensating(reason), es.Cancel(string(f.Step))}
	if payment {
		return f.at(refunding, append(begin, es.Send(f.Order, Refund{}))...)
	}
	return f.releaseAll(begin)
}

func (f fulfilling) refunded(Refund, es.CommandOutcome) (fulfilling, []es.Effect) {
	return f.releaseAll(nil)
}

// releaseAll releases what was, or may have been, reserved.
func (f fulfilling) releaseAll(effects []es.Effect) (fulfilling, []es.Effect) {
	f.Waiting = 0
	for _, g := range f.Goods {
		if !g.Rejected {
			effects = append(effects, f.release(g))
			f.Waiting++
		}
	}
	if f.Waiting == 0 {
		return f.fail(effects)
	}
	return f.at(releasing, effects...)
}

func (f fulfilling) release(g goods) es.Effect { return es.Send(g.Product, Release{Order: f.Order}) }

func (f fulfilling) released(Release, es.CommandOutcome) (fulfilling, []es.Effect) {
	if f.Step != releasing {
		return f, nil
	}
	if f.Waiting--; f.Waiting > 0 {
		return f, nil
	}
	return f.fail(nil)
}

func (f fulfilling) fail(effects []es.Effect) (fulfilling, []es.Effect) {
	return f.at(failed, append(effects, es.Send(f.Order, FailFulfilment{Reason: f.Reason}), es.Fail(f.Reason))...)
}
