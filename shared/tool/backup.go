package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/backup"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

func newBackup(dev *devFinder) *cobra.Command {
	source := logFlags{dev: dev}
	var keys backupKeys
	command := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the log into a directory, while the services run",
		Long: `Copy the log into a directory, while the services run. An interrupted backup continues where it stopped, and a later one
copies only new commits. Postgres needs no backup: views and snapshots are built from the log.

With --sign-key, 'restore --verify-key' finds every later change of the directory. With --recipient, only the owner of the age
identity can read it; later backups into the directory need the same --sign-key, and no identity.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := keys.options()
			if err != nil {
				return err
			}
			unlock, err := lockBackup(args[0])
			if err != nil {
				return err
			}
			defer unlock()
			log, closeLog, err := source.open(cmd.Context(), toolPatience)
			if err != nil {
				return err
			}
			defer closeLog()
			report, finish := progress("backing up")
			options.Progress = report
			done, err := backup.Write(cmd.Context(), log, args[0], options)
			finish()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d commits copied; %s holds %d; %s\n", done.Commits, args[0], done.Manifest.Commits(), describeSignature(options.SignKey))
			return unreadable(done)
		},
	}
	source.register(command.Flags())
	keys.register(command)
	return command
}

// lockBackup excludes other backups into the directory: each would overwrite files that the manifest of the other names.
func lockBackup(dir string) (unlock func(), err error) {
	if err := backup.MakeDir(dir); err != nil {
		return nil, err
	}
	lock, err := local.LockDir(dir)
	if errors.Is(err, local.ErrLocked) {
		return nil, fmt.Errorf("another backup is writing into %s: wait until it has ended", dir)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Unlock() }, nil // the end of the process unlocks it too
}

func unreadable(r backup.Report) error {
	if r.Unreadable == 0 {
		return nil
	}
	named := strings.Join(r.Named, "\n  ")
	if more := r.Unreadable - uint64(len(r.Named)); more > 0 {
		named += fmt.Sprintf("\n  … and %d more", more)
	}
	return fmt.Errorf("everything else is done, but %d entries are not commits of a stream and are not restored:\n  %s", r.Unreadable, named)
}

func newRestore(dev *devFinder) *cobra.Command {
	target := logFlags{dev: dev, user: platform.RestoreUser}
	var options backup.RestoreOptions
	var keys restoreKeys
	var partitions, replicas int
	command := &cobra.Command{
		Use:   "restore DIR",
		Short: "Write a backup into an empty log, with any number of partitions",
		Long: `Write a backup into a new or empty log. --partitions sets another number of partitions, which is how a log grows:
sequences and back-pointers are new, all other data is kept. Until the restore has ended, the log is closed to the services:
they wait. Start them with
ORCHESTRIX_PARTITIONS set to the same number, on an empty database: they build the views again. On an old database,
'` + dev.program + ` projections rebuild' builds each view again beside the old one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := keys.apply(&options); err != nil {
				return err
			}
			manifest, err := backup.ReadManifest(args[0])
			if err != nil {
				return err
			}
			if partitions == 0 {
				partitions = len(manifest.Partitions)
			}
			log, closeLog, err := target.create(cmd.Context(), partitions, replicas)
			if err != nil {
				return err
			}
			defer closeLog()
			report, finish := progress("restoring")
			options.Progress = report
			done, err := backup.Restore(cmd.Context(), args[0], log, options)
			finish()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d commits of %s restored into %d partitions; %s; '%s verify --log-only' checks them\n",
				done.Commits, writtenAt(done.Manifest), log.Partitions(), keys.describe(options), cmd.Root().Name())
			return unreadable(done)
		},
	}
	target.register(command.Flags())
	keys.register(command)
	command.Flags().IntVar(&partitions, "partitions", 0, "partitions of the log; 0: as many as the backup has")
	command.Flags().IntVar(&replicas, "replicas", 1, "replicas of a log in JetStream that is created: 1, 3 or 5")
	command.Flags().BoolVar(&options.Continue, "continue", false, "continue an interrupted restore")
	return command
}

// writtenAt says when the newest part of a backup was written.
func writtenAt(m backup.Manifest) string {
	if m.Written.IsZero() {
		return "a backup of format 1"
	}
	return "the backup of " + m.Written.Format(time.RFC3339)
}

// create opens the log, and creates it if it is missing.
func (f *logFlags) create(ctx context.Context, partitions, replicas int) (log port.Restorable, closeLog func(), err error) {
	if err := f.resolve(); err != nil {
		return nil, nil, err
	}
	if f.kind == service.LogInJetStream {
		log, closeLog, err := f.openJetStream(ctx, jetstream.Config{Partitions: partitions, Replicas: replicas, Restore: true}, jetstream.Open)
		return log, closeLog, otherPartitions(err, jetstream.ErrPartitions)
	}
	db, err := f.database()
	if err != nil {
		return nil, nil, err
	}
	if err = db.Migrate(ctx); err == nil {
		log, err = postgres.OpenLog(ctx, db, postgres.LogConfig{Partitions: partitions, Restore: true})
	}
	if err != nil {
		db.Close()
		if errors.Is(err, postgres.ErrRights) {
			err = fmt.Errorf("restore into Postgres as the owner of the database, as whom 'migrate' logs in: %w", err)
		}
		return nil, nil, otherPartitions(err, postgres.ErrPartitions)
	}
	return log, db.Close, nil
}

// otherPartitions explains the error of an existing log with another number of partitions.
func otherPartitions(err, mismatch error) error {
	if !errors.Is(err, mismatch) {
		return err
	}
	return fmt.Errorf("the log exists already, and the number of its partitions is fixed; restore before the services start: %w", err)
}
