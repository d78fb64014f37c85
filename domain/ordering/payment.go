package ordering

import "orchestrix/shared/es"

// Events: what has happened to the payment for an order.
type (
	// PaymentAuthorized says that the money is kept ready.
	PaymentAuthorized struct {
		Amount Money `json:"amount"`
	}

	// PaymentCaptured says that the money was taken.
	PaymentCaptured struct {
		Amount Money `json:"amount"`
	}

	// PaymentRefunded says that the money was given back.
	PaymentRefunded struct {
		Amount Money `json:"amount"`
	}

	// PaymentVoided says that no money was taken, and none will be.
	PaymentVoided struct{}
)

// Commands: what may be asked of the payment for an order.
type (
	// Authorize asks whether the customer can pay, and keeps the money ready.
	Authorize struct {
		Amount Money `json:"amount" pattern:"^[0-9]{1,24}(\\.[0-9]{1,4})?$" patternDescription:"an amount with at most four decimals" example:"472.38" doc:"What the order costs with freight."`
	}

	// Capture takes the money that is kept ready.
	Capture struct{}

	// Refund gives money back, or no longer keeps it ready. A payment that was not authorized won't be after this.
	Refund struct{}
)

// Payment is the state. Its zero value is a payment that was not authorized.
type Payment struct {
	Status PaymentStatus `json:"status"`
	Amount Money         `json:"amount"`
}

// PaymentStatus is how far a payment has come.
type PaymentStatus string

// The status of a payment.
const (
	NotAuthorized PaymentStatus = ""
	Authorized    PaymentStatus = "authorized"
	Captured      PaymentStatus = "captured"
	Refunded      PaymentStatus = "refunded"
	Voided        PaymentStatus = "voided"
)

// NewPaymentDecider is the payment for an order, by the order's id: its streams are payment-10248, payment-10249, …
// An amount over the limit is declined. What was decided stays so, whatever the limit is later.
func NewPaymentDecider(limit Money) es.Decider[Payment] {
	return es.Decider[Payment]{
		Category: "payment",
		Decide: es.Commands[Payment]{
			es.Handle("authorize", func(p Payment, c Authorize) ([]es.Event, error) { return p.authorize(c, limit) }).Internal(),
			es.Handle("capture", Payment.capture).Internal(),
			es.Handle("refund", Payment.refund).Internal(),
		},
		Evolve: es.Events[Payment]{
			es.Apply("PaymentAuthorized", Payment.authorized),
			es.Apply("PaymentCaptured", Payment.captured),
			es.Apply("PaymentRefunded", Payment.refunded),
			es.Apply("PaymentVoided", Payment.voided),
		},
	}
}

// Decide: what a command makes happen, or why not.

func (p Payment) authorize(c Authorize, limit Money) ([]es.Event, error) {
	switch p.Status {
	case Authorized, Captured:
		return es.Accept()
	case Refunded, Voided:
		return p.isOver()
	}
	if c.Amount.GreaterThan(limit.Decimal) {
		return es.Reject("payment-declined", "%s is over the limit of %s", c.Amount.StringFixed(4), limit.StringFixed(4))
	}
	return es.Accept(PaymentAuthorized(c))
}

func (p Payment) capture(Capture) ([]es.Event, error) {
	switch p.Status {
	case NotAuthorized:
		return es.Reject("payment-not-authorized", "the payment has not been authorized")
	case Captured:
		return es.Accept()
	case Refunded, Voided:
		return p.isOver()
	}
	return es.Accept(PaymentCaptured{Amount: p.Amount})
}

func (p Payment) refund(Refund) ([]es.Event, error) {
	switch p.Status {
	case Captured:
		return es.Accept(PaymentRefunded{Amount: p.Amount})
	case Refunded, Voided:
		return es.Accept()
	}
	return es.Accept(PaymentVoided{})
}

func (p Payment) isOver() ([]es.Event, error) {
	if p.Status == Voided {
		return es.Reject("payment-voided", "the payment has been called off")
	}
	return es.Reject("payment-refunded", "the payment has been given back")
}

// Evolve: how the state follows from the events.

func (p Payment) authorized(e PaymentAuthorized) Payment {
	return Payment{Status: Authorized, Amount: e.Amount}
}

func (p Payment) captured(PaymentCaptured) Payment { return p.now(Captured) }
func (p Payment) refunded(PaymentRefunded) Payment { return p.now(Refunded) }
func (p Payment) voided(PaymentVoided) Payment     { return p.now(Voided) }

func (p Payment) now(status PaymentStatus) Payment {
	p.Status = status
	return p
}
