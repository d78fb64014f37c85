package k8s

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// newProject writes the project shop, and returns its directory.
func newProject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	out, err := exec.CommandContext(t.Context(), "go", "run", "-C", Orchestrix.Dir, Orchestrix.Package, "new", "app", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func TestAProjectIsDeployedAsThePlatformIs(t *testing.T) {
	t.Parallel()
	dir := newProject(t)
	t.Run("kubernetes", func(t *testing.T) {
		holdsTheRules(t, cmp.Or(os.Getenv("ORCHESTRIX_KUSTOMIZATION"), filepath.Join(dir, "deploy")))
	})
	t.Run("compose", func(t *testing.T) { composesLikeOurs(t, dir) })
	t.Run("nats", func(t *testing.T) {
		if got, want := read(t, dir, "deploy/nats.conf"), read(t, "../..", "deploy/compose/nats/common.conf"); got != want {
			t.Errorf("nats.conf is\n%s\nand ours is\n%s", got, want)
		}
	})
}

// holdsTheRules renders the kustomization of a project. ORCHESTRIX_KUSTOMIZATION names the folder of another one than the
// generated one.
func holdsTheRules(t *testing.T, dir string) {
	objects, err := RenderDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	source := Orchestrix
	if source.Image, err = ImageOf(dir); err != nil {
		t.Fatal(err)
	}
	in, err := Decode(source, objects)
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	eachContainer(in, func(_ string, _ Workload, c corev1.Container) {
		if in.program(c) != "" {
			ours++
		}
	})
	if ours != 5 {
		t.Errorf("%d containers have the image %s; the four services and migrate do", ours, source.Image)
	}
	for _, broken := range Broken(in) {
		t.Error(broken)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type object = map[string]any

func parse(t *testing.T, text string) (found object) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(found, func(name string, _ any) bool { return strings.HasPrefix(name, "x-") }) // anchors
	return found
}

// projectNames are the names in our compose.yaml that differ in that of the project shop.
var projectNames = strings.NewReplacer(
	"name: orchestrix\n", "name: shop\n", "orchestrix:${ORCHESTRIX_VERSION:-dev}", "shop:${VERSION:-dev}",
	"ORCHESTRIX_KEYS:-./keys", "ORCHESTRIX_KEYS:-./.keys", "${NATS_URL:-tls://nats:4222}", "tls://nats:4222",
)

// withOneNATS removes from our compose.yaml what a project does not have: the profiles cluster and observe.
func withOneNATS(compose object) {
	services := compose["services"].(object)
	for name, service := range services {
		service := service.(object)
		if profiles, _ := service["profiles"].([]any); slices.Contains(profiles, any("cluster")) || slices.Contains(profiles, any("observe")) {
			delete(services, name)
			continue
		}
		if environment, ok := service["environment"].(object); ok {
			for _, variable := range []string{"ORCHESTRIX_REPLICAS", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
				delete(environment, variable)
			}
		}
		if after, ok := service["depends_on"].(object); ok {
			delete(after, "nats-2")
			delete(after, "nats-3")
		}
	}
	nats, volume := services["nats"].(object), services["nats-volume"].(object)
	nats["command"] = []any{"--config", "/etc/nats/nats.conf"}
	nats["volumes"] = []any{"nats:/data", "./deploy/nats.conf:/etc/nats/nats.conf:ro", "${ORCHESTRIX_KEYS:-./.keys}/nats:/etc/nats/keys:ro"}
	volume["entrypoint"].([]any)[2] = "/data"
	volume["entrypoint"] = volume["entrypoint"].([]any)[:3]
	volume["volumes"] = []any{"nats:/data"}
	compose["volumes"] = object{"nats": object{}, "postgres": object{}}
}

// composesLikeOurs compares compose.yaml with ours, service by service: what is changed there is changed in the template.
func composesLikeOurs(t *testing.T, dir string) {
	ours := parse(t, projectNames.Replace(read(t, "../..", "deploy/compose/compose.yaml")))
	withOneNATS(ours)
	got := parse(t, read(t, dir, "compose.yaml"))
	keys := got["services"].(object)["keys"].(object)
	build := keys["build"].(object)
	if context, _ := build["additional_contexts"].(object); build["context"] != "." || context["orchestrix"] == nil {
		t.Errorf("the image is built with %v, without the checkout of go.mod", build)
	}
	ourBuild := ours["services"].(object)["keys"].(object)["build"].(object)
	if args := marshal(ourBuild["args"]); strings.ReplaceAll(args, "{ORCHESTRIX_", "{") != marshal(build["args"]) {
		t.Errorf("the image is built with the arguments %v, and ours with %s", build["args"], args)
	}
	keys["build"] = ourBuild
	compare(t, "", got, ours)
}

func compare(t *testing.T, path string, got, want any) {
	t.Helper()
	g, isObject := got.(object)
	w, wantsObject := want.(object)
	if isObject && wantsObject {
		names := slices.Concat(slices.Collect(maps.Keys(g)), slices.Collect(maps.Keys(w)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			compare(t, path+"/"+name, g[name], w[name])
		}
		return
	}
	if g, w := marshal(got), marshal(want); g != w {
		t.Errorf("%s is %s, and ours is %s", path, g, w)
	}
}

func marshal(value any) string {
	text, _ := json.Marshal(value) // of YAML
	return string(text)
}
