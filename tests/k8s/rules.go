package k8s

import (
	"fmt"
	"slices"
)

// Rule is an invariant of every installation.
type Rule struct {
	Name string
	// Check returns what breaks the rule, one sentence each, beginning with the object.
	Check func(in *Installation) []string
}

// Rules are all rules.
var Rules = []Rule{
	{"images are pinned", checkImages},
	{"containers are bounded", checkResources},
	{"pods are restricted", checkPodSecurity},
	{"containers are restricted", checkContainerSecurity},
	{"containers are probed", checkProbes},
	{"stopping loses nothing", checkStopping},
	{"every variable is known", checkVariables},
	{"secrets are referred to", checkSecrets},
	{"references hold", checkReferences},
	{"selectors match", checkSelectors},
	{"one hand scales", checkScaling},
	{"metrics are documented", checkMetrics},
	{"only needed arrows", checkArrows},
}

// Broken returns the violations of the rules, one line each.
func Broken(in *Installation) []string {
	var broken []string
	for _, rule := range Rules {
		for _, what := range rule.Check(in) {
			broken = append(broken, rule.Name+": "+what)
		}
	}
	slices.Sort(broken)
	return broken
}

// complaints collects the violations of a rule.
type complaints []string

func (c *complaints) add(subject any, format string, args ...any) {
	*c = append(*c, fmt.Sprintf("%v %s", subject, fmt.Sprintf(format, args...)))
}

// require adds a complaint where a condition does not hold.
func (c *complaints) require(holds bool, subject any, format string, args ...any) {
	if !holds {
		c.add(subject, format, args...)
	}
}
