package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
	"github.com/orchestrix-go/orchestrix/shared/runtime/projection"
)

// viewCheck folds documents of a view from the log and compares them with the store.
type viewCheck struct {
	findings
	view      *core.ViewType
	until     []uint64 // sequence of the checkpoint, by partition
	limit     int      // maximum number of documents; 0 is all
	only      map[port.DocumentKey]bool
	documents map[port.DocumentKey]*projection.DocumentFold
	blocked   map[port.Lane]bool
	doubtful  map[port.DocumentKey]bool // with events that wait, or waited, in the lane of their stream
	threshold uint64                    // keys with a greater hash are not checked
	compared  int
	moved     map[port.DocumentKey]bool // changed during the check
	last      bool                      // last pass: a document that does not exist is missing
}

func newViewCheck(view *core.ViewType, checkpoints []port.Checkpoint, partitions, limit int) *viewCheck {
	v := &viewCheck{
		view: view, until: make([]uint64, partitions), limit: limit, threshold: ^uint64(0),
		documents: map[port.DocumentKey]*projection.DocumentFold{}, blocked: map[port.Lane]bool{}, doubtful: map[port.DocumentKey]bool{}, moved: map[port.DocumentKey]bool{},
	}
	for _, c := range checkpoints {
		if c.Position.Partition < partitions {
			v.until[c.Position.Partition] = c.Position.Sequence
		}
	}
	return v
}

// fold folds a commit into the documents that are checked.
func (v *viewCheck) fold(c *follower.DecodedCommit) {
	if c.Position.Sequence > v.until[c.Position.Partition] {
		return
	}
	steps := projection.AppendSteps(nil, v.view, c)
	for i := range steps {
		s := &steps[i]
		if s.Err != nil {
			v.blocked[s.StreamLane()] = true
			continue
		}
		waits := len(v.blocked) > 0 && v.blocked[s.StreamLane()]
		for _, key := range s.Keys {
			d := v.document(key)
			if d == nil {
				continue
			}
			if waits {
				v.doubtful[key] = true
			}
			if value, err := d.Fold(s); err != nil {
				v.blocked[port.DocumentLane(key)] = true
			} else {
				d.Value = value
			}
		}
	}
}

// document returns the document of a key, or nil if it is not checked. If there are too many, the documents whose keys have the
// smallest hashes are checked. This is an even sample, and each of its documents is folded from its first event.
func (v *viewCheck) document(key port.DocumentKey) *projection.DocumentFold {
	if d := v.documents[key]; d != nil {
		return d
	}
	if v.only != nil && !v.only[key] {
		return nil
	}
	hash := hashText(key.Tenant + "/" + key.Key)
	if hash > v.threshold {
		return nil
	}
	d := projection.NewDocumentFold(v.view, key, nil)
	v.documents[key] = d
	if v.limit > 0 && len(v.documents) >= 2*v.limit {
		v.thin()
	}
	return v.documents[key]
}

// thin keeps the documents with the smallest hashes.
func (v *viewCheck) thin() {
	hashes := make([]uint64, 0, len(v.documents))
	for key := range v.documents {
		hashes = append(hashes, hashText(key.Tenant+"/"+key.Key))
	}
	slices.Sort(hashes)
	v.threshold = hashes[v.limit-1]
	maps.DeleteFunc(v.documents, func(key port.DocumentKey, _ *projection.DocumentFold) bool {
		return hashText(key.Tenant+"/"+key.Key) > v.threshold
	})
}

// compare compares the folded documents with those in the store.
func (v *viewCheck) compare(ctx context.Context, views port.ViewStore) error {
	for key, d := range v.documents {
		if err := v.compareOne(ctx, views, key, d); err != nil {
			return err
		}
	}
	return nil
}

func (v *viewCheck) compareOne(ctx context.Context, views port.ViewStore, key port.DocumentKey, d *projection.DocumentFold) error {
	if v.blocked[port.DocumentLane(key)] {
		return nil // it has parked events
	}
	stored, err := views.Get(ctx, v.view.Name, key.Tenant, key.Key)
	if err != nil && !errors.Is(err, core.ErrNotFound) {
		return err
	}
	var want []byte
	if d.Value != nil {
		if want, err = core.Marshal(d.Value); err != nil {
			return err
		}
	}
	same := bytes.Equal(want, stored.Data)
	if !same && v.doubtful[key] {
		v.blocked[port.DocumentLane(key)] = true
		return nil
	}
	v.compared++
	if same {
		return nil
	}
	gone := stored.Data == nil && !v.last // it may have been deleted just now
	if gone || stored.Position.Partition < len(v.until) && stored.Position.Sequence > v.until[stored.Position.Partition] {
		v.moved[key] = true
		return nil
	}
	v.report(fmt.Sprintf("%s, document %q", v.view.Name, key.Key), "from the log: %s\nin the store: %s", orNone(want), orNone(stored.Data))
	return nil
}

func orNone(data []byte) string {
	if data == nil {
		return "(none)"
	}
	return string(data)
}

// findUnexpected finds stored documents that do not result from the log.
func (v *viewCheck) findUnexpected(ctx context.Context, views port.ViewReader, tenant string) error {
	q := core.ListQuery{Limit: core.MaxListLimit}
	for {
		page, err := views.List(ctx, v.view.Name, tenant, q)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			known := v.documents[port.DocumentKey{Tenant: tenant, Key: item.Key}] != nil
			later := item.Position.Partition < len(v.until) && item.Position.Sequence > v.until[item.Position.Partition]
			if !known && !later {
				v.report(fmt.Sprintf("%s, document %q", v.view.Name, item.Key), "from the log: (none)\nin the store: %s", item.Data)
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}
