package port

import (
	"context"
	"orchestrix/shared/core"
	"strings"
)

// ViewReader reads the documents of views. A view is read in the version that is active, which may be an
// older one than the program's while the new one is being built. For a second after a switch, a store may still
// answer from the build before; not after it has returned checkpoints of the new one.
type ViewReader interface {
	// Get returns one document, or [core.ErrNotFound].
	Get(ctx context.Context, view, tenant, key string) (core.Document, error)

	// List returns documents in a stable order. It returns [core.ErrBadQuery] for an undeclared field, a value
	// that does not fit it, or a cursor of another list.
	List(ctx context.Context, view, tenant string, q core.ListQuery) (core.Page, error)

	// Checkpoints are those of the view's active build, by partition. A partition that no projection has
	// claimed yet is missing.
	Checkpoints(ctx context.Context, view string) ([]Checkpoint, error)
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

// ViewStore is the whole read side.
type ViewStore interface {
	ViewReader
	ViewWriter
	BuildStore
	ParkedStore
}
