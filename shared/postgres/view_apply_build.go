package postgres

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"orchestrix/shared/core"
	"orchestrix/shared/port"
)

// build is what one transaction does to one build of a view: applications of several partitions, one after the other.
type build struct {
	view  core.ViewSpec
	all   []port.Application
	keys  []port.DocumentKey // of all of them, each once, in order
	found port.Current       // before the first
}

// byBuild expects the applications of a build side by side.
func byBuild(all []port.Application) (builds []*build) {
	for i := range all {
		n := len(builds)
		if n == 0 || builds[n-1].view.Build() != all[i].View.Build() {
			builds = append(builds, &build{view: all[i].View, keys: all[i].Update.Keys, all: all[i : i+1]})
			continue
		}
		b := builds[n-1]
		b.all = all[i-len(b.all) : i+1]
		b.keys = slices.Concat(b.keys, all[i].Update.Keys)
		slices.SortFunc(b.keys, port.DocumentKey.Compare)
		b.keys = slices.Compact(b.keys)
	}
	return builds
}

// fold is what all applications leave behind together.
func (b *build) fold() (port.FoldResult, error) {
	if len(b.all) == 1 {
		return b.all[0].Fold(b.found)
	}
	current := port.Current{Documents: maps.Clone(b.found.Documents), Waiting: maps.Clone(b.found.Waiting)}
	var sum port.FoldResult
	place := map[port.DocumentKey]int{} // in sum.Writes
	for _, a := range b.all {
		outcome, err := a.Fold(current)
		if err != nil {
			return port.FoldResult{}, err
		}
		for _, w := range outcome.Writes {
			i, written := place[w.DocumentKey]
			switch {
			case written && sameData(current.Documents[w.DocumentKey], w.Data): // it keeps the position of its last change
			case written:
				sum.Writes[i] = w
			default:
				place[w.DocumentKey] = len(sum.Writes)
				sum.Writes = append(sum.Writes, w)
			}
		}
		sum.Parked = append(sum.Parked, outcome.Parked...)
		current.Add(outcome)
	}
	return sum, nil
}

// sameData tells a document that is not there from every other.
func sameData(a, b json.RawMessage) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
