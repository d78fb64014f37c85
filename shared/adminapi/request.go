package adminapi

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"orchestrix/shared/core"
)

// checkRequest rejects a query that is malformed or has parameters that the route does not have, and texts that no store
// takes, in the query and in the path.
func checkRequest(ctx huma.Context) error {
	target, op := ctx.URL(), ctx.Operation()
	values, err := url.ParseQuery(target.RawQuery)
	if err != nil {
		return badRequest("the query can't be read: " + err.Error())
	}
	for name, texts := range values {
		for _, text := range texts {
			if !core.IsText(name) || !core.IsText(text) {
				return badRequest(strconv.Quote(name) + " is not valid UTF-8 or contains U+0000")
			}
		}
		if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }) {
			return badRequest("there is no parameter " + strconv.Quote(name))
		}
		if len(texts) > 1 {
			return badRequest(strconv.Quote(name) + " is given more than once")
		}
	}
	for _, p := range op.Parameters {
		if p.In == "path" && !core.IsText(ctx.Param(p.Name)) {
			return badRequest(strconv.Quote(p.Name) + " in the path is not valid UTF-8 or contains U+0000")
		}
	}
	return nil
}

// ActionRequest is the body of every request that changes something.
type ActionRequest struct {
	Who     string `json:"who" minLength:"1" maxLength:"1000" doc:"Who asks for it; recorded." example:"ada"`
	Reason  string `json:"reason,omitempty" maxLength:"1000" doc:"Why; recorded. Required to skip, drop or cancel for good."`
	DropOld bool   `json:"drop_old,omitempty" doc:"Of a rebuild: drop the old build as soon as readers are switched over."`
}

const (
	maxActionBody = 16 << 10 // bytes
	maxActionText = 1000     // bytes
)

// ActionBody reads the [ActionRequest] of a route.
type ActionBody struct {
	request ActionRequest
	err     error
}

// Resolve implements [huma.Resolver]. The error waits until the handler has checked the path.
func (b *ActionBody) Resolve(ctx huma.Context) []error {
	decoder := json.NewDecoder(io.LimitReader(ctx.BodyReader(), maxActionBody))
	decoder.DisallowUnknownFields()
	b.err = decoder.Decode(&b.request)
	return nil
}

// action is what is recorded of the request.
func (b *ActionBody) action(did string, needsReason bool) (core.Action, error) {
	switch r := b.request; {
	case b.err != nil:
		return core.Action{}, badRequest(`the body must be JSON such as {"who": "ada", "reason": "…"}: ` + b.err.Error())
	case r.Who == "":
		return core.Action{}, badRequest("who is empty: say who asks for it")
	case needsReason && r.Reason == "":
		return core.Action{}, badRequest("reason is empty: say why")
	case len(r.Who) > maxActionText || len(r.Reason) > maxActionText:
		return core.Action{}, badRequest("who and reason have at most " + strconv.Itoa(maxActionText) + " bytes")
	case !core.IsText(r.Who) || !core.IsText(r.Reason):
		return core.Action{}, badRequest("who or reason contains U+0000")
	}
	return core.Action{Who: b.request.Who, Did: did, Reason: b.request.Reason}, nil
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Limit is how many entries of a list are wanted.
type Limit string

// Schema implements [huma.SchemaProvider].
func (Limit) Schema(huma.Registry) *huma.Schema {
	least, most := 1.0, float64(maxLimit)
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultLimit}
}

func (l Limit) number() (int, error) {
	if l == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(string(l))
	if err != nil || n < 1 || n > maxLimit {
		return 0, badRequest("limit is " + strconv.Quote(string(l)) + ": it may be 1 to " + strconv.Itoa(maxLimit))
	}
	return n, nil
}

// Number is the number of an entry, in a path or as where a list begins.
type Number string

// Schema implements [huma.SchemaProvider].
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}
