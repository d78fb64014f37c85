package follower

import (
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// BuildReport is the status of a build and of each of its partitions.
type BuildReport struct {
	port.BuildStatus
	Partitions []PartitionReport
}

// PartitionReport is the status of one partition of a build.
type PartitionReport struct {
	Position core.Position // of the checkpoint
	Known    bool          // the end of the partition is known; otherwise Lag and LagTime are 0
	Lag      uint64        // number of commits after the checkpoint
	LagTime  time.Duration // upper bound of the age of the oldest of these commits
	State    State
	Owner    string // worker that holds the lease
	Err      error  // why State is Halted or Retrying
}

// State is what a worker does with a partition of a build.
type State string

// The states of a partition of a build.
const (
	Elsewhere State = "elsewhere" // this worker does not hold the lease
	Following State = "following" // it is caught up, or catches up
	Retrying  State = "retrying"  // the log or the store is unavailable
	Halted    State = "halted"    // the log is not the one of the checkpoint
	Idle      State = "idle"      // the build is paused or not kept up to date
)

// Status returns the status of every build in the store, as this worker has read it last.
func (f *Follower) Status() []BuildReport {
	f.mu.Lock()
	builds, heads := f.builds, f.heads
	f.mu.Unlock()
	reports := make([]BuildReport, 0, len(builds))
	for _, b := range builds {
		report := BuildReport{BuildStatus: b}
		for partition := range heads {
			report.Partitions = append(report.Partitions, f.partitionReport(b, partition, heads[partition]))
		}
		reports = append(reports, report)
	}
	return reports
}

// partitionReport combines what was read last from the store and the log with the more recent state of this worker's own follower.
func (f *Follower) partitionReport(b port.BuildStatus, partition int, head *port.Head) PartitionReport {
	r := PartitionReport{Position: core.Position{Partition: partition}, State: Idle}
	if !b.Paused && (b.State == port.Active || b.State == port.Building) {
		r.State = Elsewhere
	}
	var caughtUp time.Time
	for _, c := range b.Checkpoints {
		if c.Position.Partition == partition {
			r.Position, r.Owner, caughtUp = c.Position, c.Lease.Owner, c.CaughtUp
		}
	}
	f.mu.Lock()
	own := f.partitions[partitionKey{b.Build, partition}]
	f.mu.Unlock()
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

// Progress returns how much of the log a build has handled, from 0 to 1, and the time left at its average pace; 0 if that is
// unknown.
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
