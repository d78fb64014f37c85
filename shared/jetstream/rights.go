package jetstream

import (
	"slices"
	"strconv"
)

// Rights are what a user of NATS may do. The functions below return what each adapter of this package needs; the server's
// configuration is written from them. The user has an account of its own: the streams are in other accounts, which let it make
// these requests, and the answer to a request reaches no subject of theirs.
type Rights struct {
	API       []string // requests to JetStream, without the prefix of the API: "STREAM.INFO.ORX_READY"
	Data      []string // subjects in the accounts of the streams: of messages, of acknowledgements
	Append    []string // subjects of the log, which a second user publishes to, in the account of the log
	Publish   []string // subjects in the own account
	Subscribe []string // subjects in the own account
	Answer    []string // inboxes of users in other accounts
}

// And returns both rights.
func (r Rights) And(others ...Rights) Rights {
	for _, o := range others {
		r = Rights{
			API: union(r.API, o.API), Data: union(r.Data, o.Data), Append: union(r.Append, o.Append),
			Publish: union(r.Publish, o.Publish), Subscribe: union(r.Subscribe, o.Subscribe), Answer: union(r.Answer, o.Answer),
		}
	}
	return r
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// apiRights are rights to requests of JetStream.
func apiRights(requests ...string) Rights { return Rights{API: requests} }

// InboxRights let a user receive the answers to its requests, and the messages that it pulls.
func InboxRights(prefix string) Rights { return Rights{Subscribe: []string{prefix + ".>"}} }

// ReplyRights let a user send the results of commands to a user that asked for them, whose inboxes have this prefix.
func ReplyRights(inboxPrefix string) Rights { return Rights{Answer: []string{inboxPrefix + ".>"}} }

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
	rights := Rights{Data: []string{c.probeSubjects()}}
	for _, stream := range c.streams() {
		rights = rights.And(openRights(stream), apiRights("DIRECT.GET."+stream, "DIRECT.GET."+stream+".>", "STREAM.MSG.GET."+stream))
	}
	return rights
}

// FollowRights are for [Log.Follow], in addition to ReadRights.
func (c Config) FollowRights() (rights Rights) {
	for _, stream := range c.streams() {
		rights = rights.And(apiRights("CONSUMER.CREATE."+stream+".*", "CONSUMER.MSG.NEXT."+stream+".*", "CONSUMER.DELETE."+stream+".*"))
	}
	return rights
}

// AppendRights are for [Log.Append] to streams of these categories, in addition to ReadRights. "*" is all categories.
func (c Config) AppendRights(categories ...string) (rights Rights) {
	for _, category := range categories {
		for partition := range c.streams() {
			rights.Append = append(rights.Append, c.eventPrefix()+strconv.Itoa(partition)+".*."+category+".*")
		}
	}
	return Rights{}.And(rights)
}

// RestoreRights are for [Open] of a log that exists, in addition to ReadRights.
func (c Config) RestoreRights() Rights { return openRights(c.probeStream()) }

// CreateRights are for creating the log, in addition to ReadRights. They do not allow changing or deleting an existing stream.
func (c Config) CreateRights() Rights {
	rights := createRights(c.probeStream())
	for _, stream := range c.streams() {
		rights = rights.And(createRights(stream))
	}
	return rights
}

func openRights(stream string) Rights { return apiRights("STREAM.INFO." + stream) }
func createRights(stream string) Rights {
	return apiRights("STREAM.INFO."+stream, "STREAM.CREATE."+stream)
}
