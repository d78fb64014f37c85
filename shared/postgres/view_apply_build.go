package postgres

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// build is the part of a transaction that concerns one build of a view: the updates of its partitions, in order.
type build struct {
	view  core.ViewSpec
	all   []port.ProjectionUpdate
	keys  []port.DocumentKey // of all updates, sorted, without repetitions
	found port.FoldInput     // the state before the first update
}

// byBuild groups the updates by build. Those of one build must be adjacent in all.
func byBuild(all []port.ProjectionUpdate) (builds []*build) {
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

// fold folds the updates one after the other, each on the state that the one before left, and merges their results.
func (b *build) fold() (port.FoldResult, error) {
	if len(b.all) == 1 {
		return b.all[0].Fold(b.found)
	}
	current := port.FoldInput{Documents: maps.Clone(b.found.Documents), Waiting: maps.Clone(b.found.Waiting)}
	var sum port.FoldResult
	index := map[port.DocumentKey]int{} // in sum.Writes
	for _, a := range b.all {
		result, err := a.Fold(current)
		if err != nil {
			return port.FoldResult{}, err
		}
		for _, w := range result.Writes {
			i, written := index[w.DocumentKey]
			switch {
			case written && sameData(current.Documents[w.DocumentKey], w.Data): // the document keeps the position of its last change
			case written:
				sum.Writes[i] = w
			default:
				index[w.DocumentKey] = len(sum.Writes)
				sum.Writes = append(sum.Writes, w)
			}
		}
		sum.Parked = append(sum.Parked, result.Parked...)
		current.Add(result)
	}
	return sum, nil
}

// sameData compares two documents; nil, a missing document, equals only nil.
func sameData(a, b json.RawMessage) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
