package ordering

import "github.com/orchestrix-go/orchestrix/shared/es"

// Events of the payment for an order.
type (
	// PaymentAuthorized means that the money is reserved.
	PaymentAuthorized struct {
		Amount Money `json:"amount"`
	}

	// PaymentCaptured means that the money was taken.
	PaymentCaptured struct {
		Amount Money `json:"amount"`
	}

	// PaymentRefunded means that the money was returned.
	PaymentRefunded struct {
		Amount Money `json:"amount"`
	}

	// PaymentVoided means that no money was taken, and none will be.
	PaymentVoided struct{}
)

// Commands of the payment for an order.
type (
	// Authorize checks whether the customer can pay, and reserves the money.
	Authorize struct {
		// Wider than the format "amount": the total of an order can have more digits than the price of one unit.
		Amount Money `json:"amount" pattern:"^[0-9]{1,24}(\\.[0-9]{1,4})?$" patternDescription:"an amount with at most four decimals" example:"472.38" doc:"What the order costs with freight."`
	}

	// Capture takes the reserved money.
	Capture struct{}

	// Refund returns taken money, or ends its reservation. A later Authorize is rejected.
	Refund struct{}
)

// Payment is the state of a payment. Its zero value is a payment that was not authorized.
type Payment struct {
	Status PaymentStatus `json:"status"`
	Amount Money         `json:"amount"`
}

// PaymentStatus is the status of a payment.
type PaymentStatus string

// The statuses of a payment.
const (
	NotAuthorized PaymentStatus = ""
	Authorized    PaymentStatus = "authorized"
	Captured      PaymentStatus = "captured"
	Refunded      PaymentStatus = "refunded"
	Voided        PaymentStatus = "voided"
)

// NewPaymentDecider returns the decider of payments, by the order's id. Their streams are payment-10248, payment-10249, …
// An amount over the limit is declined. A later change of the limit does not change recorded payments.
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

// Decide functions.

func (p Payment) authorize(c Authorize, limit Money) ([]es.Event, error) {
	switch p.Status {
	case Authorized, Captured:
		return es.Accept()
	case Refunded, Voided:
		return p.rejectEnded()
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
		return p.rejectEnded()
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

func (p Payment) rejectEnded() ([]es.Event, error) {
	if p.Status == Voided {
		return es.Reject("payment-voided", "the payment has been called off")
	}
	return es.Reject("payment-refunded", "the payment has been given back")
}

// Evolve functions.

func (p Payment) authorized(e PaymentAuthorized) Payment {
	return Payment{Status: Authorized, Amount: e.Amount}
}

func (p Payment) captured(PaymentCaptured) Payment { return p.withStatus(Captured) }
func (p Payment) refunded(PaymentRefunded) Payment { return p.withStatus(Refunded) }
func (p Payment) voided(PaymentVoided) Payment     { return p.withStatus(Voided) }

func (p Payment) withStatus(status PaymentStatus) Payment {
	p.Status = status
	return p
}
