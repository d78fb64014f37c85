package jetstream

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orchestrix-go/orchestrix/shared/port"
)

// opening precedes the name of the backup in the mark of a restore that has not yet seen that all partitions are empty.
const opening = "opening "

// checkNotRestoring returns [port.ErrRestoring] while a backup is restored into the log. A restore begins on an empty log, so a
// partition that holds a commit is not asked again.
func (l *Log) checkNotRestoring(ctx context.Context, partition int) error {
	if l.restores || l.used[partition].Load() {
		return nil
	}
	head, err := l.Head(ctx, partition)
	if err == nil && head.Restoring {
		err = port.ErrRestoring
	}
	if err == nil && head.Position.Sequence > 0 {
		l.used[partition].Store(true)
	}
	return err
}

// BeginRestore implements [port.Restorable]. The mark is in the metadata of every partition; that of the first one decides. The
// partitions are marked before they are seen to be empty, so that no commit comes in between.
func (l *Log) BeginRestore(ctx context.Context, backup string, again bool) (port.Log, error) {
	partitions, err := l.partitionInfos(ctx)
	if err != nil {
		return nil, err
	}
	marked := partitions[0].Config.Metadata[metaRestoring]
	if strings.HasPrefix(marked, opening) { // it was interrupted before it restored anything
		marked = ""
	}
	if err := port.CheckRestore(marked, backup, again, areEmpty(partitions)); err != nil {
		return nil, err
	}
	restore := *l
	restore.restores = true
	if marked != "" {
		return &restore, nil
	}
	for _, p := range partitions {
		if err := l.mark(ctx, p.Config, opening+backup); err != nil {
			return nil, err
		}
	}
	if partitions, err = l.partitionInfos(ctx); err != nil {
		return nil, err
	}
	if err := port.CheckRestore("", backup, again, areEmpty(partitions)); err != nil {
		return nil, errors.Join(err, l.EndRestore(ctx))
	}
	if err := l.mark(ctx, partitions[0].Config, backup); err != nil {
		return nil, err
	}
	return &restore, nil
}

// EndRestore implements [port.Restorable]. The first partition is the last to be opened: an interrupted call is repeated by a restore
// that continues.
func (l *Log) EndRestore(ctx context.Context) error {
	partitions, err := l.partitionInfos(ctx)
	if err != nil {
		return err
	}
	for _, p := range slices.Backward(partitions) {
		if err := l.mark(ctx, p.Config, ""); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) partitionInfos(ctx context.Context) (all []*jetstream.StreamInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendBudget)
	defer cancel()
	for partition := range l.partitions {
		stream, err := l.js.Stream(ctx, l.streamName(partition))
		if err != nil {
			return nil, unavailable("partition "+l.streamName(partition), err)
		}
		all = append(all, stream.CachedInfo())
	}
	return all, nil
}

func areEmpty(partitions []*jetstream.StreamInfo) bool {
	return !slices.ContainsFunc(partitions, func(p *jetstream.StreamInfo) bool { return p.State.LastSeq > 0 })
}

// mark notes in a partition what is being restored into it; empty for nothing.
func (l *Log) mark(ctx context.Context, config jetstream.StreamConfig, backup string) error {
	config.Metadata = maps.Clone(config.Metadata)
	if config.Metadata[metaRestoring] = backup; backup == "" {
		delete(config.Metadata, metaRestoring)
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.AppendBudget)
	defer cancel()
	if _, err := l.js.UpdateStream(ctx, config); err != nil {
		return unavailable("mark stream "+config.Name+" for a restore; the user needs the right $JS.API.STREAM.UPDATE."+config.Name, err)
	}
	return nil
}

// MarkRights are for [Log.BeginRestore] and [Log.EndRestore], in addition to ReadRights and AppendRights. They change the settings
// of the log: a user has them only while a backup is restored.
func (c Config) MarkRights() (rights Rights) {
	for _, stream := range c.streams() {
		rights = rights.And(apiRights("STREAM.UPDATE." + stream))
	}
	return rights
}
