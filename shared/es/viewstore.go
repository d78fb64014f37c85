package es

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// Document is one document of a view.
type Document struct {
	Key      string
	Position Position // of the commit that changed it last
	Data     json.RawMessage
}

// ListQuery asks for documents by declared fields.
type ListQuery struct {
	Filter []FieldValue // all of them hold
	Sort   string       // a declared field; empty sorts by key
	Desc   bool
	Limit  int    // 1 to [MaxListLimit]
	Cursor string // [Page.Next] of the page before, empty for the first
}

// FieldValue asks for documents whose field equals the value.
type FieldValue struct {
	Field string
	Value string
}

// Page is a part of a list.
type Page struct {
	Items []Document
	Next  string // where the next page starts; empty at the end
}

// ViewReader reads the documents of views. A view is read in the version that is active, which may be an
// older one than the program's while the new one is being built.
type ViewReader interface {
	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, view, tenant, key string) (Document, error)

	// List returns documents in a stable order. It returns [ErrBadQuery] for an undeclared field, a value
	// that does not fit it, or a cursor of another list.
	List(ctx context.Context, view, tenant string, q ListQuery) (Page, error)

	// Checkpoints are those of the view's active version, by partition. A partition that no projection has
	// claimed yet is missing.
	Checkpoints(ctx context.Context, view string) ([]Checkpoint, error)
}

// Checkpoint is how far a view has followed a partition.
type Checkpoint struct {
	View     string
	Version  int
	Position Position // all commits up to here are in the view
	// CaughtUp is when the projection last knew that the partition held nothing newer.
	CaughtUp time.Time
	Lease    Lease
}

// Lease is the right to write one view from one partition. It is kept by renewing it, and it is fenced: once
// another worker has taken it, nothing is written under the old Epoch.
type Lease struct {
	View      string
	Version   int
	Partition int
	Owner     string
	Epoch     int64 // rises with each new owner
	Until     time.Time
}

// ViewWriter keeps views up to date.
type ViewWriter interface {
	// Prepare creates what the view's version needs, and makes it the active one where the view has none.
	// Several services may prepare at once.
	Prepare(ctx context.Context, view ViewSpec) error

	// Claim takes the lease of (view, version, partition) for ttl and returns it with the checkpoint to go on
	// from, or [ErrLeased] while another owner holds it.
	Claim(ctx context.Context, view ViewSpec, partition int, owner string, ttl time.Duration) (Checkpoint, error)

	// Renew extends leases by ttl from now. Those of caughtUp leases are also marked as caught up at this
	// moment. It returns the leases that are still held; a missing one was taken over.
	Renew(ctx context.Context, leases []Lease, caughtUp []bool, ttl time.Duration) ([]Lease, error)

	// Release gives a lease up, so that another worker need not wait for its end.
	Release(ctx context.Context, leases []Lease) error

	// Apply is one transaction of a projection: it reads the documents of u.Keys, locking those of a shared
	// view, hands them to fold, writes what fold returns, and moves the checkpoint from u.From to u.To.
	// It returns [ErrFenced], with nothing written, if the lease or the checkpoint is no longer as u says.
	// fold may be called again where the transaction is retried.
	Apply(ctx context.Context, view ViewSpec, u Update, fold FoldFunc) error

	// Activate lets readers see this version of the view from now on, if it is newer than the active one and
	// not behind it in any of the log's partitions: readers never go back in time. It reports whether the
	// version is the active one now, or an even newer one is.
	Activate(ctx context.Context, view ViewSpec, partitions int) (bool, error)
}

// ViewStore is the whole read side.
type ViewStore interface {
	ViewReader
	ViewWriter
}

// Update is what one transaction of a projection covers.
type Update struct {
	Lease    Lease
	From, To Position
	CaughtUp bool          // nothing newer is in the partition
	Keys     []DocumentKey // of the documents that may change: unique, in order
}

// DocumentKey names a document within a view.
type DocumentKey struct {
	Tenant string
	Key    string
}

// Compare orders keys by tenant and key, byte by byte.
func (k DocumentKey) Compare(other DocumentKey) int {
	if k.Tenant != other.Tenant {
		return strings.Compare(k.Tenant, other.Tenant)
	}
	return strings.Compare(k.Key, other.Key)
}

// FoldFunc turns the documents as they are, by key, into those to write. A key that has no document is
// missing from the map.
type FoldFunc func(current map[DocumentKey]json.RawMessage) ([]DocumentWrite, error)

// DocumentWrite is a document that may have changed; a nil Data removes it. What is as it was keeps its position.
type DocumentWrite struct {
	DocumentKey
	Position Position
	Data     json.RawMessage
}
