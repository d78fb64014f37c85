package tool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orchestrix-go/orchestrix/shared/local"
)

// devFinder finds the platform that dev runs on this machine, so that commands beside it need no URL.
type devFinder struct {
	program string // names the default data directory, and the commands in help and errors
	dataDir string // of the flag; empty: the default
}

// flag adds the flag that names another dev.
func (f *devFinder) flag(flags *pflag.FlagSet) {
	flags.StringVar(&f.dataDir, local.FlagDataDir, "", "data directory of the dev to use, if it is not the default one")
}

// example returns the text of examples of a command, each with the name of the program.
func (f *devFinder) example(commands ...string) string {
	return "  " + f.program + " " + strings.Join(commands, "\n  "+f.program+" ")
}

// find returns the dev that runs, or nil. It returns an error if there is none where the flag names one, or if it has not
// started yet.
func (f *devFinder) find() (*local.Instance, error) {
	dir := f.dataDir
	if dir == "" {
		var err error
		if dir, err = local.DefaultDataDir(f.program); err != nil {
			return nil, nil //nolint:nilerr // without a home directory there is no dev either, as in a container
		}
	}
	found, err := local.FindInstance(dir)
	switch {
	case errors.Is(err, local.ErrStarting):
		return nil, fmt.Errorf("%w: try again when it has printed them", err)
	case f.dataDir == "" && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)):
		return nil, nil //nolint:nilerr // the directory of another user, whose dev is not ours
	case f.dataDir == "" && err != nil:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("--%s: %w", local.FlagDataDir, err)
	case found == nil && f.dataDir != "":
		return nil, fmt.Errorf("no dev runs on --%s %s: start it with '%s dev --%s %s'", local.FlagDataDir, dir, f.program, local.FlagDataDir, dir)
	}
	return found, nil
}

// variable returns the value of a variable of the environment; empty where a flag names the dev, which counts more.
func (f *devFinder) variable(name string) string {
	if f.dataDir != "" {
		return ""
	}
	return os.Getenv(name)
}

// url returns an address: of a flag, else of a variable, else of the dev that runs, else the default.
func (f *devFinder) url(flag, variable string, ofDev func(*local.Instance) string, otherwise string) (string, error) {
	if named := cmp.Or(flag, f.variable(variable)); named != "" {
		return named, nil
	}
	found, err := f.find()
	if found == nil || err != nil {
		return otherwise, err
	}
	return ofDev(found), nil
}

func commandURL(i *local.Instance) string { return i.CommandURL }
func queryURL(i *local.Instance) string   { return i.QueryURL }
func adminURL(i *local.Instance) string   { return i.AdminURL }
