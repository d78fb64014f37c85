package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Variables are further environment variables of a program: one for each field of Spec, as its envconfig tags say.
type Variables struct {
	Prefix string // of the names: "SHOP"
	Spec   any    // pointer to a struct; nil: there are none
}

// Check returns an error if Spec can't be filled from the environment, or names a variable of the platform.
func (v Variables) Check() error {
	if v.Spec == nil {
		return nil
	}
	value := reflect.ValueOf(v.Spec)
	if value.Kind() != reflect.Pointer || value.IsNil() || value.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("it is %T: it must be a pointer to a struct, and not nil", v.Spec)
	}
	names, err := variableNames(v.Prefix, v.Spec)
	if err != nil {
		return err
	}
	known := platformVariables()
	for _, name := range names {
		if known[name] {
			return fmt.Errorf("%s is a variable of the platform: give the field another name", name)
		}
	}
	return nil
}

// Load fills Spec from the environment, and calls its method Validate() error if it has one. The error names the variable.
func (v Variables) Load() error {
	if v.Spec == nil {
		return nil
	}
	if err := readVariables(v.Prefix, v.Spec); err != nil {
		return err
	}
	if spec, ok := v.Spec.(interface{ Validate() error }); ok {
		return spec.Validate()
	}
	return nil
}

// variableNames returns the names of the variables of a struct, alternative ones included.
func variableNames(prefix string, spec any) ([]string, error) {
	var names strings.Builder
	err := envconfig.Usagef(prefix, spec, &names, "{{range .}}{{usage_key .}}\n{{.Alt}}\n{{end}}")
	return strings.Fields(names.String()), err
}

// platformVariables are the variables with [Prefix] that the services and the tool read.
func platformVariables() map[string]bool {
	known := map[string]bool{}
	for _, spec := range []any{&CommandConfig{}, &ProjectionConfig{}, &QueryConfig{}, &ProcessConfig{}} {
		names, err := variableNames(Prefix, spec)
		if err != nil {
			panic(fmt.Sprintf("%T: %v", spec, err)) // it is declared in this package
		}
		for _, name := range names {
			known[name] = true
		}
	}
	for _, other := range []string{"COMMAND_URL", "ADMIN_URL", "QUERY_URL", "NATS_API_PREFIX"} {
		known[Prefix+"_"+other] = true
	}
	return known
}

// WarnUnknown logs each variable with [Prefix], or with that of the program, that no service reads: most likely a typing error.
func (v Variables) WarnUnknown(ctx context.Context, logger *slog.Logger) {
	for _, name := range v.unknown() {
		logger.WarnContext(ctx, "unknown variable: it has no effect", "variable", name)
	}
}

func (v Variables) unknown() (unknown []string) {
	known := platformVariables()
	prefixes := []string{Prefix + "_"}
	if v.Spec != nil {
		prefixes = append(prefixes, v.Prefix+"_")
		names, err := variableNames(v.Prefix, v.Spec)
		if err != nil {
			return nil // Check has reported it
		}
		for _, name := range names {
			known[name] = true
		}
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) && !known[name] {
				unknown = append(unknown, name)
				break
			}
		}
	}
	return unknown
}

// readVariables fills a struct from the environment.
func readVariables(prefix string, spec any) error {
	err := envconfig.Process(prefix, spec)
	var parse *envconfig.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%s is %q: it must be of type %s", parse.KeyName, parse.Value, parse.TypeName)
	}
	return err
}
