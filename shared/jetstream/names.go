package jetstream

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// The names of streams, buckets and subjects on the server. Adapters use them, and rights are given for them.

const defaultPrefix = "ORX"

// defaultAPIPrefix is the prefix of the API in the account of the streams. A user in another account calls it under another one.
const defaultAPIPrefix = "$JS.API"

// api is the subject of a request to JetStream: "STREAM.INFO.ORX_READY". It needs a Config with defaults.
func (c Config) api(request string) string { return c.APIPrefix + "." + request }

func (c Config) name(suffix string) string { return cmp.Or(c.Prefix, defaultPrefix) + suffix }

// partitionStream needs a Config with defaults. Every read calls it: it is small enough to be inlined without an allocation.
func (c Config) partitionStream(partition int) string {
	return c.Prefix + "_EVENTS_" + strconv.Itoa(partition)
}

func (c Config) probeStream() string    { return c.name("_READY") }
func (c Config) attemptsBucket() string { return c.name("_ATTEMPTS") }
func (c Config) deadStream() string     { return c.name("_DEAD_LETTERS") }
func (c Config) deadlineStream() string { return c.name("_DEADLINES") }

// queueNames are the suffixes of the streams of topics.
var queueNames = map[port.Topic]string{port.CommandTopic: "_COMMANDS", port.ResultTopic: "_OUTCOMES"}

func (c Config) queueStream(topic port.Topic) string {
	if topic == dueTopic {
		return c.deadlineStream()
	}
	return c.name(queueNames[topic])
}

// subjectPrefix is the first token of all subjects, with its dot: "orx.".
func (c Config) subjectPrefix() string { return strings.ToLower(c.name(".")) }

func (c Config) eventPrefix() string             { return c.subjectPrefix() + "evt." }
func (c Config) probeSubjects() string           { return c.subjectPrefix() + "ready.*" }
func (c Config) probeSubject() string            { return c.subjectPrefix() + "ready.orchestrix" }
func (c Config) deadPrefix() string              { return c.subjectPrefix() + "dead." }
func (c Config) deadlinePrefix() string          { return c.subjectPrefix() + "deadline." }
func (c Config) topicPrefix(t port.Topic) string { return c.subjectPrefix() + string(t) + "." }

// sendersInSubjects: the subject of a message names its sender and what is sent, from format 2 on.
const sendersInSubjects = Format != "1"

// messageFilter matches the subjects of messages of a topic by a sender, to streams of a category, under a name: "*" is any.
func (c Config) messageFilter(t port.Topic, sender, category, name string) string {
	if !sendersInSubjects {
		return c.topicPrefix(t) + "*.*." + category + ".*"
	}
	return c.topicPrefix(t) + "*." + sender + ".*." + category + ".*." + name
}

// heartbeatSubject is where the workers of a topic publish their heartbeats.
func (c Config) heartbeatSubject(t port.Topic) string { return c.subjectPrefix() + "bus." + string(t) }

// streamSubject is a prefix followed by the key of a stream: <partition>.<tenant>.<category>.<id>.
func streamSubject(prefix string, partition int, of core.Stream) string {
	return prefix + strconv.Itoa(partition) + "." + of.Tenant + "." + of.Category + "." + of.ID
}
