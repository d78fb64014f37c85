package main

import (
	"encoding/json"
	"fmt"
)

// problemText is the readable part of a problem document, RFC 9457. It reports false, and the start of the
// body, where that is none of ours.
func problemText(body []byte) (string, bool) {
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(body, &problem); err != nil || problem.Code == "" {
		return fmt.Sprintf("%.200q", body), false
	}
	text := problem.Code + ": " + problem.Detail
	for _, e := range problem.Errors {
		text += "; " + e.Location + ": " + e.Message
	}
	return text, true
}
