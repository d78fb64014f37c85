package adminapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/clip"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// readQuery rejects a query that is malformed or has values that no store takes. It ignores parameters that the route does not
// have.
func readQuery(r *http.Request) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.BadRequest.Errorf("the query can't be read: %v", err)
	}
	for name, texts := range values {
		for _, text := range texts {
			if !core.IsText(text) {
				return problem.BadRequest.Errorf("%q is not valid UTF-8 or contains U+0000", name)
			}
		}
	}
	r.URL.RawQuery = values.Encode() // huma takes the value of "?limit" for "true", that of "?limit=" for empty
	return nil
}

// ActionRequest is the body of every POST.
type ActionRequest struct {
	Reason  string `json:"reason,omitempty" maxLength:"1000" doc:"Why; recorded, with the name of the token as who asks for it. Required to skip, drop or cancel." example:"a test order"`
	DropOld bool   `json:"drop_old,omitempty" doc:"Of a rebuild: drop the old build as soon as readers use the new one."`
}

const (
	maxActionBody = 16 << 10 // bytes
	maxActionText = 1000     // bytes
)

// actionBody reads the [ActionRequest] of a route.
type actionBody struct {
	who     string
	request ActionRequest
	target  string // method and URL
	err     error
}

// Resolve implements [huma.Resolver]. The error waits until the handler has checked the path.
func (b *actionBody) Resolve(ctx huma.Context) []error {
	b.who = Operator(ctx.Context())
	url := ctx.URL()
	b.target = ctx.Method() + " " + url.RequestURI()
	decoder := json.NewDecoder(ctx.BodyReader())
	decoder.DisallowUnknownFields()
	b.err = decoder.Decode(&b.request)
	return nil
}

// action returns what is recorded of the request.
func (b *actionBody) action(did string, needsReason bool) (core.Action, error) {
	switch r := b.request; {
	case b.err != nil:
		return core.Action{}, problem.BadRequest.Errorf(`the body must be JSON such as {"reason": "…"}: %v`, b.err)
	case needsReason && r.Reason == "":
		return core.Action{}, problem.BadRequest.Errorf("reason is empty: say why")
	case len(r.Reason) > maxActionText:
		return core.Action{}, problem.BadRequest.Errorf("reason has at most %d bytes", maxActionText)
	case !clip.IsPrintable(r.Reason):
		return core.Action{}, problem.BadRequest.Errorf("reason may not contain control characters, line breaks or marks of direction")
	case b.who == "":
		return core.Action{}, errUnauthorized // the route is not behind Protect
	}
	return core.Action{Who: b.who, Did: did, Reason: b.request.Reason}, nil
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// limitParam is the maximum number of items of a list.
type limitParam string

// Schema implements [huma.SchemaProvider].
func (limitParam) Schema(huma.Registry) *huma.Schema {
	least, most := 1.0, float64(maxLimit)
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultLimit}
}

func (l limitParam) number() (int, error) {
	if l == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(string(l))
	if err != nil || n < 1 || n > maxLimit {
		return 0, problem.BadRequest.Errorf("limit is %q: it may be 1 to %d", string(l), maxLimit)
	}
	return n, nil
}

// numberParam is the number of an item: in a path, or of the item before the first one of a list.
type numberParam string

// Schema implements [huma.SchemaProvider].
func (numberParam) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}
