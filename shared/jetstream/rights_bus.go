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

// PublishRights are for [Bus.Publish] of a topic. A message that the server takes for a duplicate is compared with the stored
// one.
func (c Config) PublishRights(topic port.Topic) Rights {
	return publishRights(c.topicPrefix(topic)+messageWildcards, api+"STREAM.MSG.GET."+c.queueStream(topic))
}

// SubscribeRights are for [Bus.Subscribe] to a topic, dead letters included.
func (c Config) SubscribeRights(topic port.Topic) Rights {
	queue, heartbeat := c.queueStream(topic), c.heartbeatSubject(topic)
	return BucketRights(c.attemptsBucket()).And(
		Rights{
			Publish: []string{
				api + "CONSUMER.CREATE." + queue + ".>", api + "CONSUMER.DURABLE.CREATE." + queue + ".*",
				api + "CONSUMER.NAMES." + queue, api + "CONSUMER.INFO." + queue + ".*", api + "CONSUMER.DELETE." + queue + ".*",
				api + "CONSUMER.MSG.NEXT." + queue + ".*", "$JS.ACK." + queue + ".>", "$JS.ACK.*.*." + queue + ".>",
				api + "STREAM.MSG.GET." + queue, api + "STREAM.MSG.GET." + c.deadStream(), c.deadPrefix() + string(topic) + ".*." + messageWildcards, heartbeat,
			},
			Subscribe: []string{heartbeat},
		},
		openRights(c.deadStream()), // whether there is room
	)
}

// DeadLetterRights are for the methods of [port.DeadLetters]. A retry publishes a dead letter again.
func (c Config) DeadLetterRights() Rights {
	dead := c.deadStream()
	rights := publishRights(api+"STREAM.MSG.GET."+dead, api+"STREAM.MSG.DELETE."+dead)
	for topic := range queueNames {
		rights = rights.And(c.PublishRights(topic))
	}
	return rights.And(c.PublishRights(dueTopic))
}

// ListDeadlineRights are for [Deadlines.PendingDeadlines].
func (c Config) ListDeadlineRights() Rights {
	return publishRights(api + "DIRECT.GET." + c.deadlineStream() + ".>")
}

// DeadlineRights are for all methods of [Deadlines]. Setting a deadline purges the settings that it replaces.
func (c Config) DeadlineRights() Rights {
	return c.ListDeadlineRights().And(c.SubscribeRights(dueTopic), publishRights(
		c.deadlinePrefix()+"*.*.*.*.*.*", c.topicPrefix(dueTopic)+messageWildcards, api+"STREAM.PURGE."+c.deadlineStream(),
	))
}

// BucketRights are for all methods of [KeyValue] with an existing bucket.
func BucketRights(bucket string) Rights {
	stream := "KV_" + bucket
	return BucketOpenRights(bucket).And(publishRights(
		"$KV."+bucket+".>", api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>", api+"STREAM.MSG.GET."+stream,
		api+"CONSUMER.CREATE."+stream+".>", api+"CONSUMER.DELETE."+stream+".*", api+"CONSUMER.INFO."+stream+".*", "$JS.FC."+stream+".>",
	))
}

// BucketOpenRights are only for opening an existing bucket.
func BucketOpenRights(bucket string) Rights { return openRights("KV_" + bucket) }

// BucketCreateRights are for creating a bucket.
func BucketCreateRights(bucket string) Rights {
	return createRights("KV_" + bucket).And(publishRights(api + "INFO")) // the client library asks for the server's capabilities
}
