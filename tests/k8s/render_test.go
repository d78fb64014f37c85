package k8s

import "testing"

func render(t *testing.T, tree *Tree, overlay string, components ...string) *Installation {
	t.Helper()
	objects, err := tree.Render(overlay, components...)
	if err != nil {
		t.Fatal(err)
	}
	in, err := Decode(Orchestrix, objects)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func load(t *testing.T) *Tree {
	t.Helper()
	tree, err := LoadTree(Dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestEveryInstallationHoldsTheRules(t *testing.T) {
	t.Parallel()
	for _, test := range Installations {
		t.Run(test.String(), func(t *testing.T) {
			t.Parallel()
			in := render(t, load(t), test.Overlay, test.Components...)
			if len(in.Workloads) < 5 {
				t.Errorf("there are only %d workloads", len(in.Workloads))
			}
			for _, broken := range Broken(in) {
				t.Error(broken)
			}
		})
	}
}
