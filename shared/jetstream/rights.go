package jetstream

import (
	"slices"
	"strconv"
	"strings"
)

// Rights are the subjects that a user of NATS may publish to and subscribe to. What an adapter of this package needs is
// said here, beside it: the server's configuration is written from it.
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

// publishRights are rights to ask for things.
func publishRights(subjects ...string) Rights { return Rights{Publish: subjects} }

// InboxRights let a user receive answers, and with them messages that it asks for.
func InboxRights(prefix string) Rights { return Rights{Subscribe: []string{prefix + ".>"}} }

// ReplyRights let a user answer requests that came over the bus, wherever an inbox of NATS's default prefix is. The users
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
		names[i] = c.Prefix + "_EVENTS_" + strconv.Itoa(i)
	}
	return names
}

func (c Config) lower() string { return strings.ToLower(c.withDefaults().Prefix) }

// ReadRights are for opening a log that is there, for reading it by [Log.Read] and the like, and for [Log.Ping].
func (c Config) ReadRights() Rights {
	rights := publishRights(c.lower() + ".ready")
	for _, stream := range c.streams() {
		rights = rights.And(openRights(stream), publishRights(
			api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>", api+"STREAM.MSG.GET."+stream,
		))
	}
	return rights
}

// FollowRights are for [Log.Follow], beside ReadRights.
func (c Config) FollowRights() (rights Rights) {
	for _, stream := range c.streams() {
		rights = rights.And(publishRights(
			api+"CONSUMER.CREATE."+stream+".*", api+"CONSUMER.MSG.NEXT."+stream+".*", api+"CONSUMER.DELETE."+stream+".*",
		))
	}
	return rights
}

// AppendRights are for [Log.Append], beside ReadRights.
func (c Config) AppendRights() (rights Rights) {
	for partition := range c.streams() {
		rights = rights.And(publishRights(c.lower() + ".evt." + strconv.Itoa(partition) + ".*.*.*"))
	}
	return rights
}

// CreateRights are for creating the log, beside ReadRights. They let nobody change or delete a stream that is there.
func (c Config) CreateRights() Rights {
	rights := createRights(c.withDefaults().Prefix + "_READY")
	for _, stream := range c.streams() {
		rights = rights.And(createRights(stream))
	}
	return rights
}

func openRights(stream string) Rights { return publishRights(api + "STREAM.INFO." + stream) }
func createRights(stream string) Rights {
	return openRights(stream).And(publishRights(api + "STREAM.CREATE." + stream))
}
