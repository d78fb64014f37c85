package port

import (
	"context"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// ViewReader reads the documents of views. It reads the active build, which may be older than the program's version while
// that one is being built. For a second after a switch, a store may answer from the previous build, but not after it has
// returned checkpoints of the new one. Each method returns [*NotBuiltError] for a view that has no active build yet.
type ViewReader interface {
	// Get returns one document, or [core.ErrNotFound].
	Get(ctx context.Context, view, tenant, key string) (core.Document, error)

	// List returns documents in a stable order. It returns [core.ErrBadQuery] for an undeclared field, a value
	// that does not fit it, or a cursor of another list.
	List(ctx context.Context, view, tenant string, q core.ListQuery) (core.Page, error)

	// Checkpoints returns those of the view's active build, by partition. A partition is missing until a projection has
	// claimed it.
	Checkpoints(ctx context.Context, view string) ([]Checkpoint, error)
}

// DocumentKey identifies a document within a view.
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
