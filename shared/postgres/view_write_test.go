package postgres

import "testing"

// After an operator has moved a checkpoint back, commits are applied whose documents exist already.
func TestUnexpectedDocumentsAreOverwritten(t *testing.T) {
	t.Parallel()
	v := NewViews(openSnapshots(t).db)
	const documents = 3
	fill(t, v, 1, documents)
	for _, change := range []string{
		`update orchestrix.checkpoints set position = 0`,
		`update orchestrix_views."view_numbers_v1" set data = '{}'`,
		`delete from orchestrix_views."view_numbers_v1" where key = '1'`,
	} {
		if _, err := v.db.pool.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, v, 1, documents)
	for n := range documents {
		wantLoaded(t, get(t, v, 1, n))
	}
}
