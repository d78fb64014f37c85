package banking

// The tags of a command are its validation, over HTTP and over the bus, and its documentation in OpenAPI. An amount is
// above zero; it has at most twelve digits before the point and four after it.

// Commands of an account, from its owner.
type (
	// Open opens an account without money.
	Open struct {
		Owner    string `json:"owner" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" patternDescription:"text without control characters" example:"Ada Lovelace" doc:"Whose account it is."`
		Currency string `json:"currency" pattern:"^[A-Z]{3}$" patternDescription:"three capital letters" example:"EUR" doc:"The currency of all of the account's amounts."`
	}

	// Deposit puts money into the account, from outside of the bank.
	Deposit struct {
		Amount Money `json:"amount" pattern:"^([1-9][0-9]{0,11}(\\.[0-9]{1,4})?|0\\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$" patternDescription:"an amount above zero with at most four decimals" example:"125.50" doc:"How much is paid in."`
	}

	// Withdraw takes money out of the account and out of the bank.
	Withdraw struct {
		Amount Money `json:"amount" pattern:"^([1-9][0-9]{0,11}(\\.[0-9]{1,4})?|0\\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$" patternDescription:"an amount above zero with at most four decimals" example:"125.50" doc:"How much is paid out."`
	}

	// Close closes an account that holds no money, for good.
	Close struct{}
)

// Commands of an account, from the process that moves money.
type (
	// Debit takes a transfer's money out of its source.
	Debit struct{ Movement }

	// Credit puts a transfer's money into its destination.
	Credit struct{ Movement }

	// Revoke asks that no money of a transfer moves here from now on. A debit that has happened is given back; a credit
	// that has happened stays, and the command is rejected.
	Revoke struct {
		Transfer string `json:"transfer" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, '_' and '-'" example:"t-1" doc:"The transfer's id."`
	}

	// Settle says that the transfer is over: the account need not remember it any more.
	Settle struct {
		Transfer string `json:"transfer" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, '_' and '-'" example:"t-1" doc:"The transfer's id."`
	}
)

// Movement is one side of a transfer: the part that its commands and events share.
type Movement struct {
	Transfer string `json:"transfer" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, '_' and '-'" example:"t-1" doc:"The transfer's id."`
	Amount   Money  `json:"amount" pattern:"^([1-9][0-9]{0,11}(\\.[0-9]{1,4})?|0\\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$" patternDescription:"an amount above zero with at most four decimals" example:"125.50" doc:"How much is moved."`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" patternDescription:"three capital letters" example:"EUR" doc:"The transfer's currency; the account must have the same."`
}

// Request asks for a transfer of money from one account to another.
type Request struct {
	From     string `json:"from" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, '_' and '-'" example:"ada" doc:"The id of the account that the money comes from."`
	To       string `json:"to" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, '_' and '-'" example:"bob" doc:"The id of the account that the money goes to."`
	Amount   Money  `json:"amount" pattern:"^([1-9][0-9]{0,11}(\\.[0-9]{1,4})?|0\\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$" patternDescription:"an amount above zero with at most four decimals" example:"125.50" doc:"How much is moved."`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" patternDescription:"three capital letters" example:"EUR" doc:"The currency of the amount; both accounts must have the same."`
}

// Complete says that the money has arrived. The process sends it.
type Complete struct{}

// Fail says that the money has not moved, or is back. The process sends it.
type Fail struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" patternDescription:"text without control characters" example:"insufficient-funds" doc:"Why: the code of the account's rejection, or a code of the process."`
}
