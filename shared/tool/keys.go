package tool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newKeys(program string) *cobra.Command {
	command := &cobra.Command{
		Use:   "keys",
		Short: "Create the keys, passwords and certificates of a deployment",
		Args:  cobra.NoArgs,
	}
	command.AddCommand(newKeysInit(program), newKeysRenew(program))
	return command
}

// keysOptions are the flags of keys init and keys renew.
type keysOptions struct {
	program    string // for messages
	partitions int
	hosts      []string
	days       int
	owner      string
	envFile    string
	force      bool
	once       bool
}

func (o *keysOptions) register(command *cobra.Command) {
	flags := command.Flags()
	flags.IntVar(&o.partitions, "partitions", numberFromEnv("ORCHESTRIX_PARTITIONS", 4), "partitions of the log (ORCHESTRIX_PARTITIONS)")
	flags.StringSliceVar(&o.hosts, "nats-host", []string{"nats", "nats-2", "nats-3", "localhost", "127.0.0.1", "::1"}, "names and addresses under which clients and nodes reach NATS")
	flags.IntVar(&o.days, "days", 730, "validity of the certificate of NATS, in days")
	flags.StringVar(&o.owner, "owner", "", "uid:gid of the owner of the files; another owner needs root (default: you, and 65532:65532 if you are root)")
}

func newKeysInit(program string) *cobra.Command {
	o := keysOptions{program: program}
	command := &cobra.Command{
		Use:   "init DIR",
		Short: "Create all keys, passwords and certificates in a directory",
		Long: `Create all keys, passwords and certificates of a deployment, in a directory that no other user can read. Never commit it to
a repository. Each service has its own directory in it, with only the files that it needs:

  command/ projection/ query/ …   nats.nk: its NKey    pgpass: its password for Postgres    ca.crt: the authority to trust
                                  admin.token: who may use its admin port; operator/admin.token: the token itself
  nats/                           auth.conf: users and rights    tls.crt, tls.key: its certificate    ca.crt
  migrate/                        roles: the roles that '` + program + ` migrate --roles' creates, without their passwords
  postgres/                       password: of the superuser of Postgres, which migrate uses
  ca.crt, ca.key                  the authority that signs the certificates; keep ca.key where no service can read it

With --once it may run before every start, as in compose.yaml: it completes what an interrupted run has left, also in
directories that a container engine has made, and changes nothing where all keys are there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.init(cmd.OutOrStdout(), args[0])
		},
	}
	o.register(command)
	command.Flags().BoolVar(&o.force, "force", false, "replace existing files: programs with the old keys can no longer log in")
	command.Flags().BoolVar(&o.once, "once", false, "keep existing keys and create those that are missing: nothing happens where all are there")
	command.MarkFlagsMutuallyExclusive("force", "once")
	command.Flags().StringVar(&o.envFile, "env", "", "also write this file, if it is missing: it holds the owner of the files, for compose.yaml")
	return command
}

func (o *keysOptions) init(out io.Writer, dir string) error {
	if o.once {
		missing, err := (&keyDir{path: dir}).missing()
		if err == nil && !missing {
			_, err = fmt.Fprintf(out, "The keys in %s are kept.\n", dir)
		}
		if err != nil || !missing {
			return err
		}
	} else if err := o.checkFresh(dir); err != nil {
		return err
	}
	if err := o.write(dir, o.once); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "The keys are in %s. They give all rights of the services: keep them secret.\n", dir)
	return err
}

func newKeysRenew(program string) *cobra.Command {
	o := keysOptions{program: program}
	command := &cobra.Command{
		Use:   "renew DIR",
		Short: "Renew the certificate of NATS and its list of rights, and keep the keys",
		Long: `Renew the certificate of NATS and its list of rights, with the existing keys, passwords and authority. Run it before the
certificate expires, after an upgrade with new services or streams, and with --nats-host when NATS moves. Then make NATS
load the files: nats-server --signal reload.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(filepath.Join(args[0], caCertFile)); err != nil {
				return fmt.Errorf("%s holds no keys; '%s keys init' creates them: %w", args[0], program, err)
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

// checkFresh refuses to replace files that may be in use.
func (o *keysOptions) checkFresh(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && (o.force || len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty: '%s keys renew' keeps the keys and renews the certificate, --force replaces all, "+
		"and programs with the old keys can no longer log in", dir, o.program)
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
	k := &keyDir{program: o.program, path: dir, owner: owner, keep: keep}
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
