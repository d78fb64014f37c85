package k8s

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// foreign are the variables that libraries and the Go runtime read.
var foreign = regexp.MustCompile(`^(OTEL_[A-Z0-9_]+|GOMEMLIMIT|PGUSER|PGPASSFILE)$`)

// call is a subcommand of a program.
type call struct {
	source     Source
	subcommand string
}

// help returns the output of a subcommand's -h; it runs each subcommand once, one after the other: the first links the program.
var help = func() func(call) (string, error) {
	type answer struct {
		text string
		err  error
	}
	var mu sync.Mutex
	answers := map[call]answer{}
	return func(c call) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		known, ok := answers[c]
		if !ok {
			known.text, known.err = c.askHelp()
			answers[c] = known
		}
		return known.text, known.err
	}
}()

func (c call) askHelp() (string, error) {
	args := slices.Concat([]string{"run", "-C", c.source.Dir, c.source.Package}, strings.Fields(c.subcommand), []string{"-h"})
	out, err := exec.CommandContext(context.Background(), "go", args...).Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(out), err
}

var variableName = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b`)

// variables are the environment variables that a service reads, from its help. The Job that migrates shares the
// configuration of the services, and may leave out variables that it does not need.
func (c call) variables() ([]string, error) {
	text, err := help(c)
	if err != nil {
		return nil, err
	}
	if c.subcommand == "migrate" {
		services, err := call{c.source, "command"}.variables()
		return append(services, variableName.FindAllString(text, -1)...), err
	}
	var names []string
	for line := range strings.Lines(text) {
		if name := variableName.FindString(line); name != "" && strings.HasPrefix(line, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, errors.New("its help lists no variable")
	}
	return names, nil
}

func checkVariables(in *Installation) (found []string) {
	c := (*complaints)(&found)
	eachContainer(in, func(where string, _ Workload, container corev1.Container) {
		name := in.program(container)
		if name == "" {
			return
		}
		known, err := call{in.Source, name}.variables()
		if err != nil {
			c.add(where, "runs %q, which is no service of %s: %v", name, ours, err)
			return
		}
		for variable := range in.environment(container) {
			c.require(slices.Contains(known, variable) || foreign.MatchString(variable), where, "sets %s, which %s does not read", variable, name)
		}
		for _, must := range []string{"NATS_URL", "DATABASE_URL"} {
			c.require(in.environment(container)[must] != "", where, "is not told its %s", must)
		}
	})
	return found
}

var secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|seed|private)`)

// checkSecrets: a rendered manifest may be shown to anyone.
func checkSecrets(in *Installation) (found []string) {
	c := (*complaints)(&found)
	for _, s := range all[*corev1.Secret](in) {
		c.add("Secret "+s.Name, "is part of the manifests")
	}
	literal := func(where, name, value string) {
		u, err := url.Parse(value)
		withPassword := err == nil && u.User != nil
		c.require(!withPassword && (value == "" || strings.HasSuffix(name, "_FILE") || !secretName.MatchString(name)), where, "holds a secret in %s", name)
	}
	for _, m := range all[*corev1.ConfigMap](in) {
		for name, value := range m.Data {
			literal("ConfigMap "+m.Name, name, value)
			c.require(!strings.Contains(value, "PRIVATE KEY"), "ConfigMap "+m.Name, "holds a private key in %s", name)
		}
	}
	eachContainer(in, func(where string, _ Workload, container corev1.Container) {
		for _, v := range container.Env {
			literal(where, v.Name, v.Value)
		}
	})
	return found
}

var metricName = regexp.MustCompile(`\borchestrix_[a-z_]+`)

// checkMetrics: an autoscaler queries Prometheus only for documented metrics.
func checkMetrics(in *Installation) (found []string) {
	c := (*complaints)(&found)
	documented, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range all[*ScaledObject](in) {
		for _, trigger := range s.Spec.Triggers {
			names := metricName.FindAllString(trigger.Metadata["query"], -1)
			c.require(len(names) > 0, "ScaledObject "+s.Name, "asks for nothing of ours")
			for _, name := range names {
				c.require(strings.Contains(string(documented), "`"+name+"`"), "ScaledObject "+s.Name, "asks for %s, which docs/metrics.md does not have", name)
			}
		}
	}
	return found
}
