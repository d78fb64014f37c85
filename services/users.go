package services

import (
	"orchestrix/shared/es"
	"orchestrix/shared/jetstream"
	"orchestrix/shared/postgres"
	"orchestrix/shared/runtime"
	"orchestrix/shared/service"
)

// User is somebody whom NATS and Postgres know: a service, the one who migrates, or an operator with the tool.
type User struct {
	Name     string
	NATS     jetstream.Rights
	Postgres postgres.Rights // of [MigrateUser] none: it owns everything
}

// The users of a deployment.
const (
	CommandUser    = "command"
	ProjectionUser = "projection"
	ProcessUser    = "process"
	QueryUser      = "query"
	MigrateUser    = "migrate"
	OperatorUser   = "operator"
)

// Users are the users of a deployment whose log has this many partitions, each with no more rights than its work takes.
// Nobody may change or delete a stream, or purge the log, or delete a message of it.
func Users(partitions int) []User {
	log := jetstream.Config{Partitions: partitions}
	read := log.ReadRights().And(log.BusRights(), jetstream.BucketOpenRights(outcomesBucket))
	command := postgres.Rights{RecordActions: true, ReadSnapshots: true, WriteSnapshots: true, ReadLog: true, AppendLog: true}
	users := []User{
		{
			Name: CommandUser, Postgres: command,
			NATS: read.And(log.AppendRights(), log.PublishRights(es.CommandTopic), log.SubscribeRights(es.CommandTopic),
				log.PublishRights(es.OutcomeTopic), log.DeadLetterRights(), log.ListDeadlineRights(), jetstream.BucketRights(outcomesBucket),
				jetstream.ReplyRights()),
		},
		{
			Name: ProjectionUser, NATS: read.And(log.FollowRights()),
			Postgres: postgres.Rights{ReadViews: true, WriteViews: true, ReadLog: true},
		},
		{ // its instances are streams of their own, so it executes too
			Name: ProcessUser,
			NATS: read.And(log.FollowRights(), log.AppendRights(), log.PublishRights(es.CommandTopic), log.SubscribeRights(es.OutcomeTopic),
				log.DeadlineRights()),
			Postgres: postgres.Rights{
				ReadViews: true, WriteViews: true, OnlyView: runtime.ProcessFollower, ReadSnapshots: true, WriteSnapshots: true,
			},
		},
		{
			Name: QueryUser, NATS: read,
			Postgres: postgres.Rights{ReadViews: true, ReadSnapshots: true, ReadLog: true},
		},
		{
			Name: MigrateUser, NATS: read.And(log.CreateRights(), log.CreateBusRights(), jetstream.BucketCreateRights(outcomesBucket)),
		},
		{ // its tool backs up, verifies, and restores into a log that migrate has made
			Name: OperatorUser, NATS: read.And(log.FollowRights(), log.AppendRights()),
			Postgres: postgres.Rights{ReadViews: true, ReadParked: true, ReadSnapshots: true, ReadLog: true, AppendLog: true},
		},
	}
	for i := range users {
		users[i].NATS = users[i].NATS.And(jetstream.InboxRights(service.InboxPrefix(users[i].Name)))
	}
	return users
}
