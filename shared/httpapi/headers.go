package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/problem"
	"github.com/orchestrix-go/orchestrix/shared/runtime/query"
)

// Names of headers, in the canonical form of [http.Header].
const (
	headerETag      = "Etag"
	headerCommandID = "Idempotency-Key"
	headerPosition  = "Orchestrix-Position"
	headerRepeated  = "Orchestrix-Repeated"
	headerAsOf      = "Orchestrix-As-Of"
)

// single returns the value of a header that may occur once, and whether it occurs.
func single(h http.Header, name string) (string, bool, error) {
	values := h.Values(name)
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", false, problem.BadHeader.Errorf("%s occurs more than once", name)
}

// ifMatch reads If-Match: one strong entity tag that is a version, such as "2". "0" means that the stream has no events.
func ifMatch(h http.Header) (*core.Version, error) {
	text, ok, err := single(h, "If-Match")
	if !ok || err != nil {
		return nil, err
	}
	digits, opened := strings.CutPrefix(text, `"`)
	digits, closed := strings.CutSuffix(digits, `"`)
	number, err := strconv.ParseUint(digits, 10, 64)
	if !opened || !closed || err != nil || core.Version(number).String() != digits {
		return nil, problem.BadHeader.Errorf(`If-Match must be one version in quotes, such as "2", or "0" if the stream must not exist yet; weak tags, lists and * are not accepted`)
	}
	version := core.Version(number)
	return &version, nil
}

// noneMatch reports whether If-None-Match names the tag: the client has this answer.
func noneMatch(h http.Header, tag string) bool {
	for _, line := range h.Values("If-None-Match") {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

// Limits of waiting for a position.
const (
	defaultWait  = 2 * time.Second
	maxWait      = 30 * time.Second
	maxPositions = 256 // in one request; of several in one partition, the newest counts
)

// waitFor reads the positions that the answer must include, and the time that the client accepts to wait for them.
func waitFor(h http.Header) (query.Wait, error) {
	lines := h.Values(headerPosition)
	if len(lines) == 0 {
		return query.Wait{}, nil
	}
	parts := strings.Split(strings.Join(lines, ","), ",")
	if len(parts) > maxPositions {
		return query.Wait{}, problem.BadPosition.Errorf("%s names more than %d positions", headerPosition, maxPositions)
	}
	wait := query.Wait{Timeout: preferredWait(h)}
	at := make(map[int]int, len(parts)) // index in wait.For by partition
	for _, part := range parts {
		p, err := core.ParsePosition(strings.TrimSpace(part))
		if err != nil {
			return query.Wait{}, err
		}
		i, ok := at[p.Partition]
		if !ok {
			at[p.Partition] = len(wait.For)
			wait.For = append(wait.For, p)
			continue
		}
		wait.For[i].Sequence = max(wait.For[i].Sequence, p.Sequence)
	}
	return wait, nil
}

// preferredWait reads Prefer: wait=<seconds> (RFC 7240). A malformed preference is ignored.
func preferredWait(h http.Header) time.Duration {
	for _, line := range h.Values("Prefer") {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
			if err != nil {
				return defaultWait
			}
			return min(time.Duration(seconds)*time.Second, maxWait)
		}
	}
	return defaultWait
}

// quoted returns a strong entity tag.
func quoted(text string) string { return `"` + text + `"` }
