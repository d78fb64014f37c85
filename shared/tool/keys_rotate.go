package tool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// A rotation keeps the old key of a file beside the new one until it is finished.
const (
	nkeySuffix = ".nk"
	oldSuffix  = ".old.nk"
)

func newKeysRotate(program string, modules []es.Module) *cobra.Command {
	o := keysOptions{program: program, modules: modules, partitions: unknownPartitions}
	var finish bool
	command := &cobra.Command{
		Use:   "rotate USER DIR",
		Short: "Replace the NKeys and the password of a user in two steps, without a gap",
		Long: `Replace the NKeys and the password of a user: of a service, or operator or migrate. The first step makes new ones beside the
old ones, which remain valid; --finish removes the old ones. Each step prints what to do after it. Services read their files
again while they run: no restart is needed, and no request is refused. A step that was interrupted may be run again.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.rotate(cmd.OutOrStdout(), args[0], args[1], finish)
		},
	}
	command.Flags().StringVar(&o.owner, "owner", "", "uid:gid of the owner of the files; another owner needs root (default: you, and 65532:65532 if you are root)")
	command.Flags().BoolVar(&finish, "finish", false, "remove the old keys and the old password")
	return command
}

func (o *keysOptions) rotate(out io.Writer, user, dir string, finish bool) error {
	k := &keyDir{program: o.program, path: dir, keep: true}
	var err error
	if k.owner, err = parseOwner(o.owner); err != nil {
		return err
	}
	settings, deployment, err := o.settings(k)
	if err != nil {
		return err
	}
	r := rotation{keyDir: k, user: user}
	if err := r.check(deployment.Users()); err != nil {
		return err
	}
	describe := r.describeBegin
	if finish {
		describe = r.describeFinish
		err = r.finish(&settings)
	} else {
		err = r.begin()
	}
	if err != nil {
		return err
	}
	if err := k.writeUsers(settings, deployment); err != nil {
		return err
	}
	return describe(out)
}

// rotation replaces the keys and the password of one user.
type rotation struct {
	*keyDir
	user string
}

// check refuses a user or a directory without keys.
func (r rotation) check(users []platform.User) error {
	if !slices.ContainsFunc(users, func(u platform.User) bool { return u.Name == r.user }) {
		return fmt.Errorf("there is no user %q in %s", r.user, r.path)
	}
	for _, file := range []string{lastKeyFile, filepath.Join(r.user, "nats.nk")} {
		if _, err := os.Stat(filepath.Join(r.path, file)); err != nil {
			return fmt.Errorf("%s lacks keys; '%s keys init' or 'keys renew' completes them: %w", r.path, r.program, err)
		}
	}
	return nil
}

// present are the files of the user with seeds of NKeys, in the directory of keys, without the old ones.
func (r rotation) present() ([]string, error) {
	files, err := r.seeds(r.user)
	return slices.DeleteFunc(files, isOld), err
}

func isOld(seed string) bool { return strings.HasSuffix(seed, oldSuffix) }

// oldFile is the file with the old seed of a file.
func oldFile(seed string) string { return strings.TrimSuffix(seed, nkeySuffix) + oldSuffix }

// begin makes new keys and a new password, where an earlier call has not made them.
func (r rotation) begin() error {
	files, err := r.present()
	for _, file := range files {
		err = errors.Join(err, r.beginKey(file))
	}
	if err != nil || !r.hasRole() {
		return err
	}
	content, err := r.read(r.passwords())
	if err != nil {
		return err
	}
	lines := passwordLines(content)
	if len(lines) > 1 { // an earlier call has added the new one
		return nil
	}
	password, err := newPassword()
	if err != nil {
		return err
	}
	return r.write(r.passwords(), append(pgpass(rolePrefix+r.user, string(password)), content...), private)
}

// beginKey keeps the seed of a file as the old one, and then makes a new one.
func (r rotation) beginKey(file string) error {
	seed, err := r.read(file)
	if err != nil {
		return err
	}
	old, err := r.read(oldFile(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := r.write(oldFile(file), seed, private); err != nil {
			return err
		}
	case err != nil:
		return err
	case !bytes.Equal(bytes.TrimSpace(old), bytes.TrimSpace(seed)): // an earlier call has made the new one
		return nil
	}
	fresh, err := newSeed()
	if err != nil {
		return err
	}
	return r.write(file, fresh, private)
}

func newSeed() ([]byte, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	return pair.Seed()
}

// finish removes the old keys and the old password. Old credentials are signed by their account, and so are revoked.
func (r rotation) finish(s *keySettings) error {
	files, err := r.seeds(r.user)
	files = slices.DeleteFunc(files, func(file string) bool { return !isOld(file) })
	if err == nil && s.Credentials {
		err = r.revokeOld(s, files) // before the keys are gone
	}
	for _, file := range files {
		if err == nil {
			err = os.Remove(filepath.Join(r.path, file))
		}
	}
	if err != nil || !r.hasRole() {
		return err
	}
	content, err := r.read(r.passwords())
	if err != nil {
		return err
	}
	lines := passwordLines(content)
	if len(lines) < 2 {
		return nil
	}
	return r.write(r.passwords(), []byte(lines[0]+"\n"), private)
}

// revokeOld revokes the old keys that a first step has replaced: one that was interrupted has made no new key.
func (r rotation) revokeOld(s *keySettings, files []string) error {
	for _, file := range files {
		old, err := r.publicKey(file)
		if err != nil {
			return err
		}
		present, err := r.publicKey(strings.TrimSuffix(file, oldSuffix) + nkeySuffix)
		if err != nil {
			return err
		}
		if old != present {
			s.Revoked = append(s.Revoked, old)
		}
	}
	return r.writeSettings(*s)
}

// hasRole reports whether the user has a role in Postgres of its own: migrate logs in as the superuser.
func (r rotation) hasRole() bool {
	_, err := os.Stat(filepath.Join(r.path, r.passwords()))
	return err == nil && r.user != platform.MigrateUser
}

func (r rotation) passwords() string { return r.user + "/pgpass" }

// passwordLines are the lines of a password file: more than one is a rotation, with the new password first.
func passwordLines(content []byte) []string {
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

func (r rotation) describeBegin(out io.Writer) error {
	steps := []string{
		"Make NATS load nats/auth.conf, which names the old and the new keys: nats-server --signal reload, or on Kubernetes apply the Secret and the same.",
		fmt.Sprintf("Give the files of %s/ to the program, as its Secret or directory. It moves to the new key within seconds, and logs it.", r.user),
	}
	if r.hasRole() {
		steps = append(steps, fmt.Sprintf("Change the role in Postgres: '%s migrate --roles %s'. Until then, programs try both passwords.", r.program, filepath.Join(r.path, lastKeyFile)))
	} else if r.user == platform.MigrateUser {
		steps = append(steps, "The password of the superuser of Postgres is not changed: use \\password of psql, and write it into postgres/password and migrate/pgpass.")
	}
	steps = append(steps, fmt.Sprintf("When every program with these files has moved: '%s keys rotate --finish %s %s'.", r.program, r.user, r.path))
	return printSteps(out, fmt.Sprintf("New keys of %s are in %s, the old ones remain valid. Now, in this order:", r.user, r.path), steps)
}

func (r rotation) describeFinish(out io.Writer) error {
	return printSteps(out, fmt.Sprintf("The old keys of %s are removed from %s. Now:", r.user, r.path), []string{
		"Make NATS load nats/auth.conf: it disconnects who still uses an old key.",
		fmt.Sprintf("Give the files of %s/ to the program again: they hold no old password.", r.user),
	})
}

func printSteps(out io.Writer, title string, steps []string) error {
	text := title + "\n"
	for i, step := range steps {
		text += fmt.Sprintf("%d. %s\n", i+1, step)
	}
	_, err := io.WriteString(out, text)
	return err
}
