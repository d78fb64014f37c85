package observe

import "testing"

func TestTracesAreKeptOnlyWhereSomebodyAsksForThem(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"
	for name, test := range map[string]struct {
		environ []string
		want    bool
	}{
		"nothing is set":       {nil, false},
		"a sampler alone":      {[]string{"OTEL_TRACES_SAMPLER=always_on"}, false},
		"an endpoint":          {[]string{endpoint}, true},
		"one for traces":       {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4318/v1/traces"}, true},
		"an exporter":          {[]string{"OTEL_TRACES_EXPORTER=otlp"}, true},
		"an empty exporter":    {[]string{"OTEL_TRACES_EXPORTER="}, false},
		"none in spite of one": {[]string{"OTEL_TRACES_EXPORTER=none", endpoint}, false},
		"all is disabled":      {[]string{"OTEL_SDK_DISABLED=true", endpoint}, false},
	} {
		if got := wanted(test.environ); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
