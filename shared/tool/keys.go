package tool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

func newKeys(program string, modules []es.Module) *cobra.Command {
	command := &cobra.Command{
		Use:   "keys",
		Short: "Create the keys, passwords and certificates of a deployment",
		Args:  cobra.NoArgs,
	}
	command.AddCommand(newKeysInit(program, modules), newKeysRenew(program, modules), newKeysRotate(program, modules), newKeysRestore(program, modules))
	return command
}

// keysOptions are the flags of keys init and keys renew.
type keysOptions struct {
	program     string // for messages
	modules     []es.Module
	partitions  int
	senders     []string
	removed     []string // names of senders
	hosts       []string
	postgres    []string // its hosts
	days        int
	owner       string
	envFile     string
	force       bool
	once        bool
	credentials bool
}

func (o *keysOptions) register(command *cobra.Command) {
	flags := command.Flags()
	flags.IntVar(&o.partitions, "partitions", numberFromEnv("ORCHESTRIX_PARTITIONS", unknownPartitions),
		"partitions of the log (default: ORCHESTRIX_PARTITIONS, those of the existing keys, or 4)")
	flags.Lookup("partitions").DefValue = "" // several are possible
	flags.StringArrayVar(&o.senders, "sender", nil, "NAME[=category.command,…] of a program that sends commands over NATS; all commands that clients "+
		"may send, if it names none. Repeatable; the directory keeps it")
	flags.StringSliceVar(&o.hosts, "nats-host", []string{"nats", "nats-2", "nats-3", "localhost", "127.0.0.1", "::1"}, "names and addresses under which clients and nodes reach NATS")
	flags.StringSliceVar(&o.postgres, "postgres-host", []string{"postgres", "localhost", "127.0.0.1", "::1"}, "names and addresses under which clients reach Postgres")
	flags.IntVar(&o.days, "days", 730, "validity of the certificates of NATS and Postgres, in days")
	flags.StringVar(&o.owner, "owner", "", "uid:gid of the owner of the files; another owner needs root (default: you, and 65532:65532 if you are root)")
}

func newKeysInit(program string, modules []es.Module) *cobra.Command {
	o := keysOptions{program: program, modules: modules}
	command := &cobra.Command{
		Use:   "init DIR",
		Short: "Create all keys, passwords and certificates in a directory",
		Long: `Create all keys, passwords and certificates of a deployment, in a directory that no other user can read. Never commit it to
a repository. Each service has its own directory in it, with only the files that it needs:

  command/ projection/ query/ …   nats.nk: its NKey    pgpass: its password for Postgres    ca.crt: the authority to trust
                                  admin.token: who may use its admin port; operator/admin.token: the token itself
  command/ process/               writer.nk: the NKey with which it appends to the log
  command/ process/ query/        snapshot.keys: the keys of snapshots, which Postgres does not know
  nats/                           auth.conf: accounts, users and rights    tls.crt, tls.key: its certificate    ca.crt
  migrate/                        roles: the roles that '` + program + ` migrate --roles' creates, without their passwords
  postgres/                       password: of the superuser of Postgres, which migrate uses    tls.crt, tls.key: its certificate
  monitor/                        password: of the role that reads the statistics of Postgres
  backup/                         sign.key: signs backups (backup --sign-key)    sign.pub: verifies them (restore --verify-key)
  settings.json                   partitions, senders and kind of credentials, for keys renew
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
	command.Flags().BoolVar(&o.credentials, "credentials", false, "log in with credentials files (nats.creds, writer.creds) instead of NKeys: NATS in operator mode; "+
		"accounts/ holds its keys")
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

func newKeysRenew(program string, modules []es.Module) *cobra.Command {
	o := keysOptions{program: program, modules: modules}
	command := &cobra.Command{
		Use:   "renew DIR",
		Short: "Renew the certificate of NATS and its list of rights, and keep the keys",
		Long: `Renew the certificate of NATS and its list of rights, with the existing keys, passwords and authority. Run it before the
certificate expires, after an upgrade with new services, streams or categories of aggregates, and with --nats-host when NATS
moves. Then make NATS load the files: nats-server --signal reload. A new sender needs two loads: NATS gives an account that is new
to it no rights before the second one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.renew(cmd.OutOrStdout(), args[0])
		},
	}
	o.register(command)
	command.Flags().StringArrayVar(&o.removed, "remove-sender", nil, "name of a sender to remove, with its keys; repeatable")
	return command
}

func (o *keysOptions) renew(out io.Writer, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, caCertFile)); err != nil {
		return fmt.Errorf("%s holds no keys; '%s keys init' creates them: %w", dir, o.program, err)
	}
	known, err := o.removeSenders(dir)
	if err != nil {
		return err
	}
	if err := o.write(dir, true); err != nil {
		return err
	}
	load := "nats-server --signal reload"
	if slices.ContainsFunc(o.senders, func(text string) bool { return !slices.Contains(known, platform.ParseSender(text).Name) }) {
		load += ", twice: an account that is new to NATS gets its rights with the second load" // decision 0063
	}
	_, err = fmt.Fprintf(out, "%s is renewed. Make NATS load it: %s\n", dir, load)
	return err
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
	k := &keyDir{program: o.program, path: dir, keep: keep}
	settings, deployment, err := o.settings(k)
	if err != nil {
		return err
	}
	if o.days < 1 {
		return fmt.Errorf("--days is %d, it must be at least 1", o.days)
	}
	if k.owner, err = parseOwner(o.owner); err != nil {
		return err
	}
	now, validity := time.Now(), time.Duration(o.days)*24*time.Hour
	if err := k.writeTLS(o.hosts, now, validity); err != nil {
		return err
	}
	if err := k.writePostgres(o.postgres, now, validity); err != nil {
		return err
	}
	if err := k.writeBackupKeys(); err != nil {
		return err
	}
	if err := k.writeSettings(settings); err != nil {
		return err
	}
	if err := k.writeUsers(settings, deployment); err != nil {
		return err
	}
	if o.envFile == "" {
		return nil
	}
	return writeEnv(o.envFile, k.owner)
}
