package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	command := &cobra.Command{
		Use:   "keys",
		Short: "Make the keys, passwords and certificates of a deployment",
		Args:  cobra.NoArgs,
	}
	command.AddCommand(newKeysInit(), newKeysRenew())
	return command
}

// keysOptions are the flags of keys init and keys renew.
type keysOptions struct {
	partitions int
	hosts      []string
	days       int
	owner      string
	envFile    string
	force      bool
}

func (o *keysOptions) register(command *cobra.Command) {
	flags := command.Flags()
	flags.IntVar(&o.partitions, "partitions", numberFromEnv("ORCHESTRIX_PARTITIONS", 4), "partitions of the log (ORCHESTRIX_PARTITIONS)")
	flags.StringSliceVar(&o.hosts, "nats-host", []string{"nats", "nats-2", "nats-3", "localhost", "127.0.0.1", "::1"}, "names and addresses under which clients and nodes reach NATS")
	flags.IntVar(&o.days, "days", 730, "how long the certificate of NATS is valid, in days")
	flags.StringVar(&o.owner, "owner", "", "uid:gid that the files are for; only root can give files away (default: you, and 65532:65532 if you are root)")
}

func newKeysInit() *cobra.Command {
	var o keysOptions
	command := &cobra.Command{
		Use:   "init DIR",
		Short: "Create all keys, passwords and certificates in a directory",
		Long: `Make all keys, passwords and certificates of a deployment, in a directory that no other user can read and that
belongs into no repository. Each service has a directory of its own in it, with all that it needs and nothing else:

  command/ projection/ query/ …   nats.nk: its NKey    pgpass: its password for Postgres    ca.crt: whom to trust
  nats/                           auth.conf: who may do what    tls.crt, tls.key: its certificate    ca.crt
  migrate/                        roles: the roles that 'orchestrix migrate --roles' creates, without their passwords
  postgres/                       password: that of Postgres's own superuser, whom migrate uses
  ca.crt, ca.key                  signs what NATS shows; keep ca.key where no service can read it`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFresh(args[0], o.force); err != nil {
				return err
			}
			if err := o.write(args[0], false); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "The keys are in %s. They give all rights of the services: keep them secret.\n", args[0])
			return err
		},
	}
	o.register(command)
	command.Flags().BoolVar(&o.force, "force", false, "replace what is there: programs with the old keys can no longer log in")
	command.Flags().StringVar(&o.envFile, "env", "", "also write this file, if it is missing: it tells compose.yaml whom the files belong to")
	return command
}

func newKeysRenew() *cobra.Command {
	var o keysOptions
	command := &cobra.Command{
		Use:   "renew DIR",
		Short: "Renew the certificate of NATS and its list of rights, and keep the keys",
		Long: `Renew the certificate of NATS and its list of rights, with the keys, passwords and the authority that are there. Run it
before the certificate ends, after an upgrade that brings services or streams, and with --nats-host when NATS moves. Then
make NATS load it: nats-server --signal reload.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(filepath.Join(args[0], caCertFile)); err != nil {
				return fmt.Errorf("%s holds no keys; 'orchestrix keys init' makes them: %w", args[0], err)
			}
			if err := o.write(args[0], true); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is renewed. Make NATS load it: nats-server --signal reload\n", args[0])
			return err
		},
	}
	o.register(command)
	return command
}

// checkFresh refuses to replace what may be in use.
func checkFresh(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && (force || len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty: 'orchestrix keys renew' renews the keys that are there, --force replaces them, "+
		"and nothing that uses the old ones can log in any more", dir)
}

func (o *keysOptions) write(dir string, keep bool) error {
	if o.partitions < 1 || o.partitions > 256 {
		return fmt.Errorf("--partitions is %d, it may be 1 to 256", o.partitions)
	}
	if o.days < 1 {
		return fmt.Errorf("--days is %d, it must be at least 1", o.days)
	}
	owner, err := parseOwner(o.owner)
	if err != nil {
		return err
	}
	k := &keyDir{path: dir, owner: owner, keep: keep}
	if err := k.writeTLS(o.hosts, time.Now(), time.Duration(o.days)*24*time.Hour); err != nil {
		return err
	}
	if err := k.writeUsers(o.partitions); err != nil {
		return err
	}
	if o.envFile == "" {
		return nil
	}
	return writeEnv(o.envFile, owner)
}
