package jetstream

import "orchestrix/shared/es"

// BusRights are for opening the bus and the deadlines as they are, beside ReadRights of the log.
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

func (c Config) prefix() string         { return c.withDefaults().Prefix + "_" }
func (c Config) attemptsBucket() string { return c.prefix() + "ATTEMPTS" }
func (c Config) deadStream() string     { return c.prefix() + "DEAD_LETTERS" }
func (c Config) deadlineStream() string { return c.prefix() + "DEADLINES" }

func (c Config) queueStream(topic es.Topic) string {
	if topic == dueTopic {
		return c.deadlineStream()
	}
	return c.prefix() + queueNames[topic]
}

func (c Config) busStreams() []string {
	streams := []string{c.deadStream(), c.deadlineStream()}
	for _, name := range queueNames {
		streams = append(streams, c.prefix()+name)
	}
	return streams
}

// PublishRights are for [Bus.Publish] of a topic.
func (c Config) PublishRights(topic es.Topic) Rights {
	return publishRights(c.lower() + "." + string(topic) + ".*.*.*.*")
}

// SubscribeRights are for [Bus.Subscribe] to a topic, dead letters included.
func (c Config) SubscribeRights(topic es.Topic) Rights {
	queue, hello := c.queueStream(topic), c.lower()+".bus."+string(topic)
	return BucketRights(c.attemptsBucket()).And(
		Rights{
			Publish: []string{
				api + "CONSUMER.CREATE." + queue + ".>", api + "CONSUMER.DURABLE.CREATE." + queue + ".*",
				api + "CONSUMER.NAMES." + queue, api + "CONSUMER.INFO." + queue + ".*", api + "CONSUMER.DELETE." + queue + ".*",
				api + "CONSUMER.MSG.NEXT." + queue + ".*", "$JS.ACK." + queue + ".>", "$JS.ACK.*.*." + queue + ".>",
				api + "STREAM.MSG.GET." + queue, c.lower() + ".dead." + string(topic) + ".*.*.*.*.*", hello,
			},
			Subscribe: []string{hello},
		},
		openRights(c.deadStream()), // whether there is room
	)
}

// DeadLetterRights are for [Bus.DeadLetters] and what else can be done with them. Who retries publishes them again.
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

// DeadlineRights are for everything that [Deadlines] do. Who sets deadlines purges those that they replace.
func (c Config) DeadlineRights() Rights {
	return c.ListDeadlineRights().And(c.SubscribeRights(dueTopic), publishRights(
		c.lower()+".deadline.*.*.*.*.*.*", c.lower()+".due.*.*.*.*", api+"STREAM.PURGE."+c.deadlineStream(),
	))
}

// BucketRights are for everything that [KeyValue] does with a bucket that is there.
func BucketRights(bucket string) Rights {
	stream := "KV_" + bucket
	return BucketOpenRights(bucket).And(publishRights(
		"$KV."+bucket+".>", api+"DIRECT.GET."+stream, api+"DIRECT.GET."+stream+".>", api+"STREAM.MSG.GET."+stream,
		api+"CONSUMER.CREATE."+stream+".>", api+"CONSUMER.DELETE."+stream+".*", api+"CONSUMER.INFO."+stream+".*", "$JS.FC."+stream+".>",
	))
}

// BucketOpenRights are for opening a bucket that is there, and nothing else.
func BucketOpenRights(bucket string) Rights { return openRights("KV_" + bucket) }

// BucketCreateRights are for creating a bucket.
func BucketCreateRights(bucket string) Rights {
	return createRights("KV_" + bucket).And(publishRights(api + "INFO")) // the client asks what the server can do
}
