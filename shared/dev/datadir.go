package dev

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// openDataDir makes the data directory this dev's, and this dev the one that the tool finds. It comes before anything is
// started, so that a directory that can't be used is the first message.
func (d *dev) openDataDir(ctx context.Context, o Options) error {
	standard, standardErr := local.DefaultDataDir(d.Program)
	switch {
	case o.Memory:
	case o.Ephemeral:
		temp, err := local.NewTempDir(ctx)
		if err != nil {
			return err
		}
		d.atEnd(temp.Remove)
		d.DataDir = temp.Path()
	case o.DataDir == "" && standardErr != nil:
		return standardErr
	default:
		dir, err := filepath.Abs(cmp.Or(o.DataDir, standard))
		if err != nil {
			return err
		}
		d.DataDir = dir
	}
	if d.DataDir != "" {
		claim, err := local.ClaimDir(ctx, d.DataDir, modulePath())
		if err != nil {
			return err
		}
		d.hold(claim)
	}
	if d.DataDir != standard && standardErr == nil {
		d.claimGuest(ctx, standard)
	}
	return nil
}

// claimGuest makes this dev, whose data is elsewhere, the one that the tool finds without a flag. Without that dev runs as well.
func (d *dev) claimGuest(ctx context.Context, standard string) {
	own, err := local.FindInstance(standard)
	d.hidden = own != nil || errors.Is(err, local.ErrStarting)
	claim, err := local.ClaimGuest(ctx, standard)
	switch {
	case err == nil:
		d.hold(claim)
	case errors.Is(err, local.ErrLocked):
		d.hidden = true
	default:
		d.logger.InfoContext(ctx, "the tool finds this dev only with a URL", "error", err)
	}
}

func (d *dev) hold(claim *local.InstanceClaim) {
	d.claims = append(d.claims, claim)
	d.atEnd(claim.Release)
}

// publish writes the addresses for the tool.
func (d *dev) publish() error {
	for _, claim := range d.claims {
		if err := claim.Publish(d.Instance); err != nil {
			return err
		}
	}
	return nil
}

// modulePath is the module of this program; empty if it was not built from one.
func modulePath() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.Main.Path
}
