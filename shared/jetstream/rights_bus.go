package jetstream

import (
	"github.com/orchestrix-go/orchestrix/shared/port"
)

// BusRights are for opening an existing bus and existing deadlines, in addition to ReadRights of the log.
func (c Config) BusRights() Rights {
	rights := BucketOpenRights(c.attemptsBucket())
	for _, stream := range c.busStreams() {
		rights = rights.And(openRights(stream))
	}
	return rights
}

// CreateBusRights are for creating the bus and the deadlines.
func (c Config) CreateBusRights() Rights {
	rights := BucketCreateRights(c.attemptsBucket())
	for _, stream := range c.busStreams() {
		rights = rights.And(createRights(stream))
	}
	return rights
}

func (c Config) busStreams() []string {
	streams := []string{c.deadStream(), c.deadlineStream()}
	for topic := range queueNames {
		streams = append(streams, c.queueStream(topic))
	}
	return streams
}

// PublishRights are for [Bus.Publish] to a topic by a sender. A message that the server takes for a duplicate is compared with the
// stored one.
func (c Config) PublishRights(topic port.Topic, sender string) Rights {
	return c.SendRights(topic, sender, "*", "*").And(apiRights("STREAM.MSG.GET." + c.queueStream(topic)))
}

// SendRights are for storing messages of a topic by a sender, to streams of a category, under a name: "*" is any.
func (c Config) SendRights(topic port.Topic, sender, category, name string) Rights {
	return Rights{Data: []string{c.messageFilter(topic, sender, category, name)}}
}

// SubscribeRights are for [Bus.Subscribe] to a topic, dead letters included. Heartbeats stay in the account of the workers.
func (c Config) SubscribeRights(topic port.Topic) Rights {
	queue, heartbeat := c.queueStream(topic), c.heartbeatSubject(topic)
	return BucketRights(c.attemptsBucket()).And(
		Rights{
			API: []string{
				"CONSUMER.CREATE." + queue + ".>", "CONSUMER.DURABLE.CREATE." + queue + ".*",
				"CONSUMER.NAMES." + queue, "CONSUMER.INFO." + queue + ".*", "CONSUMER.DELETE." + queue + ".*",
				"CONSUMER.MSG.NEXT." + queue + ".*", "STREAM.MSG.GET." + queue, "STREAM.MSG.GET." + c.deadStream(),
			},
			Data:    []string{"$JS.ACK." + queue + ".>", "$JS.ACK.*.*." + queue + ".>", c.deadPrefix() + string(topic) + ".>"},
			Publish: []string{heartbeat}, Subscribe: []string{heartbeat},
		},
		openRights(c.deadStream()), // whether there is room
	)
}

// DeadLetterRights are for the methods of [port.DeadLetters]. A retry publishes a dead letter again, as its sender did, and needs the
// right of the sender too.
func (c Config) DeadLetterRights() Rights {
	dead := c.deadStream()
	return apiRights("STREAM.MSG.GET."+dead, "STREAM.MSG.DELETE."+dead).And(c.PublishRights(dueTopic, "*"))
}

// ListDeadlineRights are for [Deadlines.PendingDeadlines].
func (c Config) ListDeadlineRights() Rights {
	return apiRights("DIRECT.GET." + c.deadlineStream() + ".>")
}

// DeadlineRights are for all methods of [Deadlines]. Setting a deadline purges the settings that it replaces.
func (c Config) DeadlineRights() Rights {
	return c.ListDeadlineRights().And(
		c.SubscribeRights(dueTopic), c.PublishRights(dueTopic, "*"), apiRights("STREAM.PURGE."+c.deadlineStream()),
		Rights{Data: []string{c.deadlinePrefix() + "*.*.*.*.*.*"}},
	)
}

// BucketRights are for all methods of [KeyValue] with an existing bucket.
func BucketRights(bucket string) Rights {
	return BucketOpenRights(bucket).And(apiRights("STREAM.MSG.GET.KV_"+bucket), Rights{Data: []string{"$KV." + bucket + ".>"}})
}

// BucketOpenRights are only for opening an existing bucket.
func BucketOpenRights(bucket string) Rights { return openRights("KV_" + bucket) }

// BucketCreateRights are for creating a bucket.
func BucketCreateRights(bucket string) Rights {
	return createRights("KV_" + bucket).And(apiRights("INFO")) // the client library asks for the server's capabilities
}
