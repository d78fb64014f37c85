package services

import (
	"strings"

	"orchestrix/shared/runtime"
)

// ProjectionList is how every view stands: the answer of GET /projections on the admin port.
type ProjectionList struct {
	Items []ViewStatus `json:"items"`
}

// ViewStatus is how one view stands.
type ViewStatus struct {
	View       string            `json:"view"`
	Version    int               `json:"version"`
	Lag        uint64            `json:"lag"`         // commits
	LagSeconds float64           `json:"lag_seconds"` // of the slowest partition
	State      string            `json:"state"`       // the worst of its partitions
	Partitions []PartitionStatus `json:"partitions"`
}

// PartitionStatus is how one view stands with one partition.
type PartitionStatus struct {
	Position   string  `json:"position"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lag_seconds"`
	State      string  `json:"state"`
	Error      string  `json:"error,omitempty"`
}

// Positions are the positions of all partitions in one line.
func (v ViewStatus) Positions() string {
	positions := make([]string, len(v.Partitions))
	for i, p := range v.Partitions {
		positions[i] = p.Position
	}
	return strings.Join(positions, " ")
}

// severity orders states from the one that needs no attention.
var severity = map[string]int{
	string(runtime.Following): 0, string(runtime.Elsewhere): 1, string(runtime.Retrying): 2, string(runtime.Halted): 3,
}

func listOf(all []runtime.ProjectionStatus) ProjectionList {
	list := ProjectionList{Items: []ViewStatus{}}
	for _, s := range all {
		if n := len(list.Items); n == 0 || list.Items[n-1].View != s.View {
			list.Items = append(list.Items, ViewStatus{View: s.View, Version: s.Version, State: string(runtime.Following)})
		}
		view := &list.Items[len(list.Items)-1]
		p := PartitionStatus{Position: s.Position.String(), Lag: s.Lag, LagSeconds: s.LagTime.Seconds(), State: string(s.State)}
		if s.Err != nil {
			p.Error = s.Err.Error()
		}
		view.Partitions = append(view.Partitions, p)
		view.Lag += p.Lag
		view.LagSeconds = max(view.LagSeconds, p.LagSeconds)
		if severity[p.State] > severity[view.State] {
			view.State = p.State
		}
	}
	return list
}
