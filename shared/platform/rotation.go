package platform

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// refusalPeriod is the minimum time between two log lines about files that NATS does not accept yet.
const refusalPeriod = time.Minute

// followLogin moves a connection to the login of its files when they are replaced, after NATS has accepted it. The files are
// those from before the connection was made. stop ends it.
func followLogin(ctx context.Context, env service.Env, files *service.Files, login jetstream.Login, connection *nats.Conn) (stop func()) {
	if len(login.Files()) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var following sync.WaitGroup
	var logged time.Time
	following.Go(func() {
		files.Follow(ctx, service.FilePeriod, func(ctx context.Context) error {
			err := login.Replace(ctx, connection)
			switch {
			case err == nil:
				env.Logger.InfoContext(ctx, "NATS accepts the new files: the connection is replaced", "files", login.Files())
			case ctx.Err() == nil && time.Since(logged) >= refusalPeriod:
				logged = time.Now()
				env.Logger.WarnContext(ctx, "the files of the login have changed, and NATS does not accept them so far: "+
					"the connection stays; make NATS load its list of users", "files", login.Files(), "error", err)
			}
			return err
		})
	})
	return func() { cancel(); following.Wait() }
}
