package tool

import (
	"encoding/json"
	"fmt"

	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// problemText returns the readable part of a problem. If the body is not a problem of Orchestrix, it returns the start of the
// body, and false.
func problemText(body []byte) (string, bool) {
	var p problem.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		return fmt.Sprintf("%.200q", body), false
	}
	text := p.Code + ": " + p.Detail
	for _, e := range p.Errors {
		text += "; " + e.Location + ": " + e.Message
	}
	return text, true
}
