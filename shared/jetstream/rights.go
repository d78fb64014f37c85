package jetstream

import (
	"slices"
	"strconv"
)

// Rights are the subjects that a user of NATS may publish and subscribe to. The functions below return what each adapter
// of this package needs; the server's configuration is written from them.
type Rights struct {
	Publish   []string
	Subscribe []string
}

// And returns both rights.
func (r Rights) And(others ...Rights) Rights {
	for _, o := range others {
		r.Publish = append(slices.Clone(r.Publish), o.Publish...)
		r.Subscribe = append(slices.Clone(r.Subscribe), o.Subscribe...)
	}
	slices.Sort(r.Publish)
	slices.Sort(r.Subscribe)
	r.Publish, r.Subscribe = slices.Compact(r.Publish), slices.Compact(r.Subscribe)
	return r
}

const api = "$JS.API."

// publishRights are rights to publish and to send requests.
func publishRights(subjects ...string) Rights { return Rights{Publish: subjects} }

// InboxRights let a user receive the answers to its requests, and the messages that it pulls.
func InboxRights(prefix string) Rights { return Rights{Subscribe: []string{prefix + ".>"}} }

// ReplyRights let a user answer requests that came over the bus, in any inbox with the default prefix of NATS. The users
// of a deployment have prefixes of their own.
func ReplyRights() Rights { return publishRights("_INBOX.>") }

// streams are the names of the partitions.
func (c Config) streams() []string {
	c = c.withDefaults()
	if c.Partitions == 0 {
		c.Partitions = defaultPartitions
	}
	names := make([]string, c.Partitions)
	for i := range names {
		names[i] = c.partitionStream(i)
	}
	return names
}

// ReadRights are for opening an existing log, for reading it with the methods of [port.Reader], and for [Log.Ping].
func (c Config) ReadRights() Rights {
	rights := publishRights(c.probeSubjects())
	for _, stream := range c.streams() {
		rights = rights.And(openRights(stream), publishRights(
			api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>", api+"STREAM.MSG.GET."+stream,
		))
	}
	return rights
}

// FollowRights are for [Log.Follow], in addition to ReadRights.
func (c Config) FollowRights() (rights Rights) {
	for _, stream := range c.streams() {
		rights = rights.And(publishRights(
			api+"CONSUMER.CREATE."+stream+".*", api+"CONSUMER.MSG.NEXT."+stream+".*", api+"CONSUMER.DELETE."+stream+".*",
		))
	}
	return rights
}

// AppendRights are for [Log.Append], in addition to ReadRights.
func (c Config) AppendRights() (rights Rights) {
	for partition := range c.streams() {
		rights = rights.And(publishRights(c.eventPrefix() + strconv.Itoa(partition) + ".*.*.*"))
	}
	return rights
}

// CreateRights are for creating the log, in addition to ReadRights. They do not allow changing or deleting an existing stream.
func (c Config) CreateRights() Rights {
	rights := createRights(c.probeStream())
	for _, stream := range c.streams() {
		rights = rights.And(createRights(stream))
	}
	return rights
}

func openRights(stream string) Rights { return publishRights(api + "STREAM.INFO." + stream) }
func createRights(stream string) Rights {
	return openRights(stream).And(publishRights(api + "STREAM.CREATE." + stream))
}
