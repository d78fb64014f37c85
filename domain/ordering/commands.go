package ordering

// The tags of a command are its validation, over HTTP and over the bus, and its documentation in OpenAPI.
// Text takes no control characters: they have no place in a key or on a label.

// Place orders goods.
type Place struct {
	Sale
	OrderedAt  string     `json:"ordered_at" format:"date" example:"1996-07-04" doc:"The day on which the customer ordered."`
	RequiredAt string     `json:"required_at" format:"date" example:"1996-08-01" doc:"The day by which the customer needs the goods."`
	Freight    Money      `json:"freight" pattern:"^[0-9]{1,12}(\\.[0-9]{1,4})?$" patternDescription:"an amount with at most four decimals" example:"32.38" doc:"What the transport costs. It is not part of the net total."`
	Fulfilment Fulfilment `json:"fulfilment,omitempty" enum:"managed" doc:"managed: a process reserves the goods, takes the payment, and confirms the order. Without it, nobody does."`
}

// Ship sends an order on its way.
type Ship struct {
	ShippedAt string `json:"shipped_at" format:"date" example:"1996-07-16" doc:"The day on which the goods left the house."`
	Carrier   string `json:"carrier" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" patternDescription:"text without control characters" example:"Federal Shipping" doc:"Who transports the goods."`
}

// Confirm says that the goods of a managed order are reserved and paid. The process sends it.
type Confirm struct{}

// FailFulfilment says that a managed order can't be fulfilled. The process sends it.
type FailFulfilment struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" patternDescription:"text without control characters" example:"reserve: out-of-stock" doc:"Why: the step and the code of the rejection."`
}

// Cancel calls an order off before it is shipped; a managed one, before it is confirmed.
type Cancel struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" patternDescription:"text without control characters" example:"The customer has changed their mind." doc:"Why the order is called off."`
}
