package adminapi

import (
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/redact"
	"github.com/orchestrix-go/orchestrix/shared/runtime/follower"
)

// ProjectionList is the answer of GET /projections: the status of every build of every view.
type ProjectionList struct {
	Items []BuildStatus `json:"items"`
}

// BuildStatus is the status of one build of a view.
type BuildStatus struct {
	View       string            `json:"view"`
	Build      string            `json:"build" doc:"The version, and after a dot the number of rebuilds, if there were any." example:"2.1"`
	State      string            `json:"state" enum:"building,active,retired,cancelled"`
	Paused     bool              `json:"paused,omitempty"`
	Parked     int               `json:"parked" doc:"The number of events that could not be applied."`
	Lag        uint64            `json:"lag" doc:"The number of commits not yet applied."`
	LagSeconds float64           `json:"lag_seconds" doc:"Upper bound of the age, in seconds, of the oldest commit not yet applied."`
	Progress   float64           `json:"progress" doc:"The applied share of the log, 0 to 1."`
	ETASeconds float64           `json:"eta_seconds,omitempty" doc:"The estimated time until the build is complete, while it is being built."`
	Work       string            `json:"work" enum:"following,elsewhere,idle,retrying,halted" doc:"The state of the partition that needs most attention."`
	Partitions []PartitionStatus `json:"partitions"`
}

// PartitionStatus is the status of a build, or of the process services, in one partition of the log.
type PartitionStatus struct {
	Position   string  `json:"position" example:"3-1042"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lag_seconds"`
	Work       string  `json:"work" enum:"following,elsewhere,idle,retrying,halted"`
	Owner      string  `json:"owner,omitempty" doc:"The worker that holds the lease."`
	Error      string  `json:"error,omitempty"`
}

// Positions is the positions of all partitions, separated by spaces.
func (v BuildStatus) Positions() string {
	positions := make([]string, len(v.Partitions))
	for i, p := range v.Partitions {
		positions[i] = p.Position
	}
	return strings.Join(positions, " ")
}

// severity orders states by how much attention they need.
var severity = map[follower.State]int{
	follower.Following: 0, follower.Elsewhere: 1, follower.Idle: 2, follower.Retrying: 3, follower.Halted: 4,
}

func projectionList(reports []follower.BuildReport) ProjectionList {
	list := ProjectionList{Items: []BuildStatus{}}
	for _, r := range reports {
		list.Items = append(list.Items, buildStatus(r))
	}
	return list
}

func buildStatus(r follower.BuildReport) BuildStatus {
	s := BuildStatus{View: r.View, Build: r.Number(), State: string(r.State), Paused: r.Paused, Parked: r.Parked}
	worst := follower.Following
	s.Partitions = partitionStatuses(r.Partitions)
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
	if r.State == port.Building {
		s.ETASeconds = left.Seconds()
	}
	return s
}

func partitionStatuses(reports []follower.PartitionReport) []PartitionStatus {
	partitions := make([]PartitionStatus, len(reports))
	for i, report := range reports {
		partitions[i] = PartitionStatus{
			Position: report.Position.String(), Lag: report.Lag, LagSeconds: report.LagTime.Seconds(),
			Work: string(report.State), Owner: report.Owner,
		}
		if report.Err != nil {
			partitions[i].Error = redact.Text(report.Err.Error())
		}
	}
	return partitions
}
