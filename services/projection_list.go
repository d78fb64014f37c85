package services

import (
	"strings"

	"orchestrix/shared/es"
	"orchestrix/shared/runtime"
)

// ProjectionList is how every build of every view stands: the answer of GET /projections on the admin port.
type ProjectionList struct {
	Items []BuildStatus `json:"items"`
}

// BuildStatus is how one build of a view stands.
type BuildStatus struct {
	View       string            `json:"view"`
	Build      string            `json:"build"` // "2", or "2.1" where version 2 was built again
	State      string            `json:"state"` // of the build: building, active, retired, cancelled
	Paused     bool              `json:"paused,omitempty"`
	Parked     int               `json:"parked"`      // events that could not be applied
	Lag        uint64            `json:"lag"`         // commits
	LagSeconds float64           `json:"lag_seconds"` // of the slowest partition
	Progress   float64           `json:"progress"`    // how much of the log it has, 0 to 1
	ETASeconds float64           `json:"eta_seconds,omitempty"`
	Work       string            `json:"work"` // the worst of its partitions: following, elsewhere, idle, retrying, halted
	Partitions []PartitionStatus `json:"partitions"`
}

// PartitionStatus is how one build stands with one partition.
type PartitionStatus struct {
	Position   string  `json:"position"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lag_seconds"`
	Work       string  `json:"work"`
	Owner      string  `json:"owner,omitempty"` // of the lease
	Error      string  `json:"error,omitempty"`
}

// Positions are the positions of all partitions in one line.
func (v BuildStatus) Positions() string {
	positions := make([]string, len(v.Partitions))
	for i, p := range v.Partitions {
		positions[i] = p.Position
	}
	return strings.Join(positions, " ")
}

// severity orders states from the one that needs no attention.
var severity = map[runtime.ProjectionState]int{
	runtime.Following: 0, runtime.Elsewhere: 1, runtime.Idle: 2, runtime.Retrying: 3, runtime.Halted: 4,
}

func listOf(reports []runtime.BuildReport) ProjectionList {
	list := ProjectionList{Items: []BuildStatus{}}
	for _, r := range reports {
		list.Items = append(list.Items, statusOf(r))
	}
	return list
}

func statusOf(r runtime.BuildReport) BuildStatus {
	s := BuildStatus{View: r.View, Build: r.Number(), State: string(r.State), Paused: r.Paused, Parked: r.Parked}
	worst := runtime.Following
	s.Partitions = partitionsOf(r.Partitions)
	for i, report := range r.Partitions {
		p := s.Partitions[i]
		s.Lag += p.Lag
		s.LagSeconds = max(s.LagSeconds, p.LagSeconds)
		if severity[report.State] > severity[worst] {
			worst = report.State
		}
	}
	s.Work = string(worst)
	share, left := r.Progress()
	s.Progress = share
	if r.State == es.Building {
		s.ETASeconds = left.Seconds()
	}
	return s
}

func partitionsOf(reports []runtime.PartitionReport) []PartitionStatus {
	partitions := make([]PartitionStatus, len(reports))
	for i, report := range reports {
		partitions[i] = PartitionStatus{
			Position: report.Position.String(), Lag: report.Lag, LagSeconds: report.LagTime.Seconds(),
			Work: string(report.State), Owner: report.Owner,
		}
		if report.Err != nil {
			partitions[i].Error = report.Err.Error()
		}
	}
	return partitions
}
