package runtime

import (
	"time"

	"orchestrix/shared/es"
)

// BuildReport is how one build of a view stands.
type BuildReport struct {
	es.BuildStatus
	Partitions []PartitionReport
}

// PartitionReport is how a build stands with one partition.
type PartitionReport struct {
	Position es.Position
	Known    bool          // where the partition ends; Lag and LagTime are 0 otherwise
	Lag      uint64        // commits that the partition holds and the view does not
	LagTime  time.Duration // for at most so long the oldest of them has been there
	State    ProjectionState
	Owner    string // of the lease
	Err      error  // why it is halted or retries
}

// ProjectionState is what a projection does at a moment.
type ProjectionState string

// The states of a projection.
const (
	Elsewhere ProjectionState = "elsewhere" // another worker has it, or nobody
	Following ProjectionState = "following" // it is caught up, or about to be
	Retrying  ProjectionState = "retrying"  // the log or the views can't be reached
	Halted    ProjectionState = "halted"    // the log is another one than the view was built from
	Idle      ProjectionState = "idle"      // nobody has to keep it up to date
)

// Status is how every build of every view stands, as this worker has seen it last.
func (p *Projector) Status() []BuildReport {
	p.mu.Lock()
	builds, heads := p.builds, p.heads
	p.mu.Unlock()
	reports := make([]BuildReport, 0, len(builds))
	for _, b := range builds {
		report := BuildReport{BuildStatus: b}
		for partition := range heads {
			report.Partitions = append(report.Partitions, p.partitionReport(b, partition, heads[partition]))
		}
		reports = append(reports, report)
	}
	return reports
}

func (p *Projector) partitionReport(b es.BuildStatus, partition int, head *es.Head) PartitionReport {
	r := PartitionReport{Position: es.Position{Partition: partition}, State: Idle}
	if !b.Paused && (b.State == es.Active || b.State == es.Building) {
		r.State = Elsewhere
	}
	var caughtUp time.Time
	for _, c := range b.Checkpoints {
		if c.Position.Partition == partition {
			r.Position, r.Owner, caughtUp = c.Position, c.Lease.Owner, c.CaughtUp
		}
	}
	p.mu.Lock()
	own := p.projections[projectionKey{b.Build, partition}]
	p.mu.Unlock()
	if own != nil {
		own.mu.Lock()
		if own.lease != nil || own.state == Halted {
			r.Position, r.State, r.Err = own.position, own.state, own.err
			caughtUp = later(caughtUp, later(own.caughtUpAt, own.applied))
		}
		own.mu.Unlock()
	}
	r.Known = head != nil
	if head != nil && head.Position.Sequence > r.Position.Sequence {
		r.Lag = head.Position.Sequence - r.Position.Sequence
		if !caughtUp.IsZero() {
			r.LagTime = max(0, time.Since(caughtUp))
		}
	}
	return r
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Progress is how much of the log a build has, from 0 to 1, and how long the rest takes at the pace so far; 0 where
// that is not known.
func (r BuildReport) Progress() (share float64, left time.Duration) {
	var done, lag uint64
	for _, p := range r.Partitions {
		done += p.Position.Sequence
		lag += p.Lag
	}
	if lag == 0 {
		return 1, 0
	}
	if done == 0 {
		return 0, 0
	}
	pace := float64(done) / time.Since(r.Started).Seconds()
	return float64(done) / float64(done+lag), time.Duration(float64(lag) / pace * float64(time.Second))
}
