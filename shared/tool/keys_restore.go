package tool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

func newKeysRestore(program string, modules []es.Module) *cobra.Command {
	o := keysOptions{program: program, modules: modules, partitions: unknownPartitions}
	var done bool
	command := &cobra.Command{
		Use:   "restore DIR",
		Short: "Add the user that restores a backup, or remove it with --done",
		Long: `Add the user restore, who may append to every stream of the log, and write the list of rights of NATS again. Its keys are in
the directory restore. Make NATS load the list (nats-server --signal reload), restore the backup with these keys, and remove the
user: keys restore --done DIR.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.restore(cmd.OutOrStdout(), args[0], done) },
	}
	command.Flags().StringVar(&o.owner, "owner", "", "uid:gid of the owner of the files; another owner needs root (default: you, and 65532:65532 if you are root)")
	command.Flags().BoolVar(&done, "done", false, "the backup is restored: remove the user and its keys")
	return command
}

func (o *keysOptions) restore(out io.Writer, dir string, done bool) error {
	k := &keyDir{program: o.program, path: dir, keep: true}
	if _, err := os.Stat(filepath.Join(dir, lastKeyFile)); err != nil {
		return fmt.Errorf("%s holds no keys; '%s keys init' creates them: %w", dir, o.program, err)
	}
	var err error
	if k.owner, err = parseOwner(o.owner); err != nil {
		return err
	}
	keys := filepath.Join(dir, platform.RestoreUser)
	if done {
		if err := k.removeUser(platform.RestoreUser); err != nil {
			return err
		}
	} else if err := k.mkdir(keys); err != nil {
		return err
	}
	settings, deployment, err := o.settings(k)
	if err != nil {
		return err
	}
	if err := k.writeUsers(settings, deployment); err != nil {
		return err
	}
	if done {
		_, err = fmt.Fprintf(out, "The user restore is removed. Make NATS load the list of rights: nats-server --signal reload\n")
	} else {
		_, err = fmt.Fprintf(out, "The keys of the user restore are in %s. Make NATS load the list of rights: nats-server --signal reload\n", keys)
	}
	return err
}
