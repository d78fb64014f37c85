package app

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
	"github.com/orchestrix-go/orchestrix/shared/tool"
)

// program is a program whose options were checked.
type program struct {
	name      string
	options   Options
	hooks     platform.Hooks
	variables service.Variables
	open      platform.Opener
}

// ourName is the name of the program of this module, and of one whose module is not known.
const ourName = "orchestrix"

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// newProgram checks the options. The program that it returns beside an error has a name, for messages.
func newProgram(o Options) (program, error) {
	p := program{
		name: o.Name, options: o, open: platform.Open,
		hooks: platform.Hooks{Wrap: o.Wrap, Routes: o.Routes, Parts: o.Parts},
	}
	if p.name == "" {
		p.name = mainModule()
	}
	if !validName.MatchString(p.name) {
		return p, fmt.Errorf("app.Options: the name is %q: it must match %s", p.name, validName)
	}
	p.hooks.Version = programVersion()
	if p.name != ourName {
		p.hooks.Title = p.name
	} else if isOurs() {
		p.hooks.License = "Apache-2.0"
	}
	p.variables = service.Variables{Prefix: strings.ToUpper(strings.ReplaceAll(p.name, "-", "_")), Spec: o.Config}
	var errs []error
	if err := p.variables.Check(); err != nil {
		errs = append(errs, fmt.Errorf("app.Options.Config: %w", err))
	}
	if err := p.hooks.Check(); err != nil {
		errs = append(errs, fmt.Errorf("app.Options: %w", err))
	}
	return p, errors.Join(errs...)
}

var (
	majorVersion = regexp.MustCompile(`^v[0-9]+$`)
	notInNames   = regexp.MustCompile(`[^a-z0-9-]+`)
)

// mainModule returns the last element of the path of the main module as a name.
func mainModule() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if name := nameOf(info.Main.Path); validName.MatchString(name) {
			return name
		}
	}
	return ourName
}

// isOurs reports whether the program is of the module of this package: the licence of the program of a team is for the team to say.
func isOurs() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && info.Main.Path == ourModule
}

// nameOf returns the name of a module: "shop" for "example.com/shop/v2". It is no valid name if the path has none.
func nameOf(module string) string {
	elements := strings.Split(strings.ToLower(module), "/")
	if last := len(elements) - 1; last > 0 && majorVersion.MatchString(elements[last]) {
		elements = elements[:last]
	}
	return strings.Trim(notInNames.ReplaceAllString(elements[len(elements)-1], "-"), "-")
}

// root returns the command with all subcommands.
func (p program) root() (*cobra.Command, error) {
	short := "The services of " + p.name + ", and the commands of their developers and operators"
	if p.name == ourName {
		short = "Event sourcing and CQRS on NATS JetStream and Postgres"
	}
	root := &cobra.Command{
		Use:   p.name,
		Short: short,
		Long: fmt.Sprintf(`%s.

Start everything on this machine with '%[2]s dev', then send commands to it over HTTP or from a file with
'%[2]s send'.`, short, p.name),
		Version:       programVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(p.newDev(), newVersion(p.name))
	for _, s := range services {
		root.AddCommand(p.newService(s))
	}
	root.AddCommand(tool.Commands(p.name, p.options.Modules)...)
	for _, c := range p.options.Commands {
		if slices.ContainsFunc(root.Commands(), func(other *cobra.Command) bool { return other.Name() == c.Name() }) {
			return nil, fmt.Errorf("app.Options.Commands: the program has a command %q already: give yours another name", c.Name())
		}
		root.AddCommand(c)
	}
	return root, nil
}
