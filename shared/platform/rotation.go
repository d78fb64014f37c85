package platform

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// refusalPeriod is the minimum time between two log lines about files that can't be used yet.
const refusalPeriod = time.Minute

// followLogins moves the connections to the logins of their files when these are replaced, each after NATS has accepted it. stop
// ends it, and waits for its end.
func (n *NATS) followLogins(ctx context.Context, logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var following sync.WaitGroup
	for _, l := range n.logins {
		if len(l.Files()) == 0 {
			continue
		}
		following.Go(func() { l.follow(ctx, logger) })
	}
	return func() { cancel(); following.Wait() }
}

func (l login) follow(ctx context.Context, logger *slog.Logger) {
	var logged time.Time
	l.files.Follow(ctx, service.FilePeriod, func(ctx context.Context) error {
		err := l.Replace(ctx, l.conn)
		switch {
		case err == nil:
			logger.InfoContext(ctx, "NATS accepts the new files: the connection is replaced", "files", l.Files())
		case ctx.Err() == nil && time.Since(logged) >= refusalPeriod:
			logged = time.Now()
			logger.WarnContext(ctx, "the files of the login have changed, and NATS does not accept them so far: "+
				"the connection stays; make NATS load its list of users", "files", l.Files(), "error", err)
		}
		return err
	})
}

// followSnapshotKeys reads the keys of snapshots again when their file is replaced. A key whose line is gone verifies nothing from
// then on: a snapshot under it is not loaded, and its stream is folded from the log. stop ends it, and waits for its end.
func followSnapshotKeys(ctx context.Context, keys *postgres.Keyring, file *service.Files, logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var following sync.WaitGroup
	following.Go(func() {
		var logged time.Time
		file.Follow(ctx, service.FilePeriod, func(ctx context.Context) error {
			err := keys.Reload()
			switch {
			case err == nil:
				logger.InfoContext(ctx, "the keys of snapshots are read again")
			case time.Since(logged) >= refusalPeriod:
				logged = time.Now()
				logger.WarnContext(ctx, "the file with the keys of snapshots has changed and can't be used: the keys stay; correct it", "error", err)
			}
			return err
		})
	})
	return func() { cancel(); following.Wait() }
}
