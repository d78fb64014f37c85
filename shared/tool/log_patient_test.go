package tool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// cutLog holds some commits, and is out of reach as often as cuts says, each time after one batch.
type cutLog struct {
	port.Log
	cuts int
}

var errCut = fmt.Errorf("%w: cut off", port.ErrUnavailable)

func (l *cutLog) Head(context.Context, int) (port.Head, error) {
	if l.cuts--; l.cuts >= 0 {
		return port.Head{}, errCut
	}
	return port.Head{Position: core.Position{Sequence: 3}}, nil
}

func (l *cutLog) Follow(ctx context.Context, after core.Position, _ int, handle func(context.Context, port.Batch) error) error {
	for next := after.Sequence + 1; next <= 3; next++ {
		if err := handle(ctx, port.Batch{Commits: []core.Commit{{Position: core.Position{Sequence: next}}}}); err != nil {
			return err
		}
		if l.cuts--; l.cuts >= 0 {
			return errCut
		}
	}
	if l.cuts--; l.cuts >= 0 {
		return errCut
	}
	<-ctx.Done()
	return nil
}

func TestAPatientLogGoesOnWhereItWas(t *testing.T) {
	log := patientLog{&cutLog{cuts: 4}, time.Minute}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var got []uint64
	err := log.Follow(ctx, core.Position{}, 1, func(_ context.Context, b port.Batch) error {
		got = append(got, b.Commits[0].Position.Sequence)
		if len(got) == 3 {
			time.AfterFunc(100*time.Millisecond, stop)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("Follow handed over %d, %v; want 1, 2, 3, each once", got, err)
	}
	head, err := patientLog{&cutLog{cuts: 2}, time.Minute}.Head(t.Context(), 0)
	if err != nil || head.Position.Sequence != 3 {
		t.Errorf("Head = %v, %v", head, err)
	}
}

// An interrupt ends the tool even while it waits for the log.
func TestPatienceEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	log := patientLog{&cutLog{cuts: 1 << 30}, 0}
	if _, err := log.Head(ctx, 0); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("Head = %v", err)
	}
	nothing := func(context.Context, port.Batch) error { return nil }
	if err := log.Follow(ctx, core.Position{Sequence: 3}, 1, nothing); err != nil {
		t.Errorf("Follow = %v", err)
	}
}

func TestPatienceEnds(t *testing.T) {
	log := patientLog{&cutLog{cuts: 1 << 30}, time.Nanosecond}
	if _, err := log.Head(t.Context(), 0); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("Head = %v", err)
	}
	nothing := func(context.Context, port.Batch) error { return nil }
	if err := log.Follow(t.Context(), core.Position{Sequence: 3}, 1, nothing); !errors.Is(err, port.ErrUnavailable) {
		t.Errorf("Follow = %v", err)
	}
	enough := fmt.Errorf("%w: said by who reads", port.ErrUnavailable)
	err := patientLog{&cutLog{}, 0}.Follow(t.Context(), core.Position{}, 1, func(context.Context, port.Batch) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("the reader's own error came back as %v", err)
	}
}
