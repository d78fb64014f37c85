package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that is replaced is accepted once; until it is accepted, it is offered again.
func TestFilesAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	put := func(text string) {
		t.Helper()
		err := os.WriteFile(file+".new", []byte(text), 0o600)
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	files := WatchFiles(file, filepath.Join(dir, "missing"))
	ctx, cancel := context.WithCancel(t.Context())
	offered, answers := make(chan string), make(chan error)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		files.Follow(ctx, time.Millisecond, func(context.Context) error {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			offered <- string(content)
			return <-answers
		})
	}()
	put("second")
	for _, answer := range []error{errors.New("not yet"), errors.New("not yet"), nil} {
		if text := <-offered; text != "second" {
			t.Errorf("%q is offered", text)
		}
		answers <- answer
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	put("third")
	if text := <-offered; text != "third" {
		t.Errorf("%q is offered", text)
	}
	answers <- nil
	cancel()
	<-ended
}
