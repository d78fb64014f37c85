package k8s

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Dir is deploy/k8s, seen from this package.
const Dir = "../../deploy/k8s"

// Variant is an overlay, and the components that are added to it.
type Variant struct {
	Overlay    string
	Components []string
}

func (v Variant) String() string {
	return strings.Join(append([]string{v.Overlay}, v.Components...), "+")
}

// Installations are the overlays, unchanged and with each component that an operator may add.
var Installations = []Variant{
	{"dev", nil},
	{"dev", []string{"monitoring", "telemetry", "ingress"}},
	{"production", nil},
	{"production", []string{"monitoring"}},
	{"production", []string{"keda"}},
	{"production", []string{"telemetry"}},
	{"production", []string{"gateway"}},
	{"production", []string{"ingress"}},
	{"production", []string{"monitoring", "keda", "telemetry", "gateway", "ingress"}},
	{"production-existing", nil},
	{"production-existing", []string{"monitoring", "keda", "telemetry", "gateway"}},
}

// Tree is a copy of deploy/k8s in memory, which may be changed.
type Tree struct{ files filesys.FileSystem }

// LoadTree reads the manifests below a directory.
func LoadTree(dir string) (*Tree, error) {
	tree := &Tree{files: filesys.MakeFsInMemory()}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return tree.files.WriteFile(inTree(name), content)
	})
	return tree, err
}

func inTree(name string) string { return path.Join("/k8s", name) }

// Edit replaces a text that a file must hold.
func (t *Tree) Edit(name, old, replacement string) error {
	content, err := t.files.ReadFile(inTree(name))
	if err != nil {
		return err
	}
	if !strings.Contains(string(content), old) {
		return fmt.Errorf("%s does not hold %q", name, old)
	}
	return t.files.WriteFile(inTree(name), []byte(strings.ReplaceAll(string(content), old, replacement)))
}

// Render builds an overlay with further components, named after their folders, and returns its objects as YAML.
func (t *Tree) Render(overlay string, components ...string) ([][]byte, error) {
	dir := inTree("overlays/" + overlay)
	if err := t.addComponents(dir, components); err != nil {
		return nil, err
	}
	objects, err := build(t.files, dir)
	if err != nil {
		return nil, fmt.Errorf("overlay %s with %v: %w", overlay, components, err)
	}
	return objects, nil
}

// RenderDir builds the kustomization in a directory, as kubectl does, and returns its objects as YAML.
func RenderDir(dir string) ([][]byte, error) {
	objects, err := build(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return objects, nil
}

// ImageOf returns the name that the kustomization in a directory gives the image orchestrix, without its registry.
func ImageOf(dir string) (string, error) {
	file := filepath.Join(dir, "kustomization.yaml")
	content, err := os.ReadFile(file) //nolint:gosec // whoever runs the test names the directory
	if err != nil {
		return "", err
	}
	var k types.Kustomization
	if err := yaml.UnmarshalStrict(content, &k); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	for _, image := range k.Images {
		if image.Name == Orchestrix.Image && image.NewName != "" {
			return path.Base(image.NewName), nil
		}
	}
	return Orchestrix.Image, nil
}

func build(files filesys.FileSystem, dir string) ([][]byte, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, dir)
	if err != nil {
		return nil, err
	}
	var objects [][]byte
	for _, resource := range built.Resources() {
		object, err := resource.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// addComponents does what an operator does who takes a component's line out of its comment.
func (t *Tree) addComponents(dir string, names []string) error {
	file := path.Join(dir, "kustomization.yaml")
	content, err := t.files.ReadFile(file)
	if err != nil || len(names) == 0 {
		return err
	}
	var k types.Kustomization
	if err := yaml.UnmarshalStrict(content, &k); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, name := range names {
		k.Components = append(k.Components, "../../components/"+name)
	}
	if content, err = yaml.Marshal(k); err != nil {
		return err
	}
	return t.files.WriteFile(file, content)
}
