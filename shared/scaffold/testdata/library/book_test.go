package library

import "testing"

// This test is one of the package itself.
func TestLose(t *testing.T) {
	if !(Book{}).lose().Lost {
		t.Error("it is not lost")
	}
}
