package platform

import (
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// User is an account in NATS and Postgres: of a service, of the command migrate, or of an operator.
type User struct {
	Name     string
	NATS     jetstream.Rights
	Postgres postgres.Rights // none for [MigrateUser], which owns all tables
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

// Users returns the users of a deployment whose log has this many partitions, each with the rights that it needs.
// No user may change or delete a stream, purge the log, or delete a message of it.
func Users(partitions int) []User {
	log := jetstream.Config{Partitions: partitions}
	read := log.ReadRights().And(log.BusRights(), jetstream.BucketOpenRights(statusBucket))
	command := postgres.Rights{RecordActions: true, ReadSnapshots: true, WriteSnapshots: true, ReadLog: true, AppendLog: true}
	users := []User{
		{
			Name: CommandUser, Postgres: command,
			NATS: read.And(log.AppendRights(), log.PublishRights(port.CommandTopic), log.SubscribeRights(port.CommandTopic),
				log.PublishRights(port.ResultTopic), log.DeadLetterRights(), log.ListDeadlineRights(), jetstream.BucketRights(statusBucket),
				jetstream.ReplyRights()),
		},
		{
			Name: ProjectionUser, NATS: read.And(log.FollowRights()),
			Postgres: postgres.Rights{ReadViews: true, WriteViews: true, RecordActions: true, ReadActions: true, ReadLog: true},
		},
		{ // its instances are streams, so it executes commands too
			Name: ProcessUser,
			NATS: read.And(log.FollowRights(), log.AppendRights(), log.PublishRights(port.CommandTopic), log.SubscribeRights(port.ResultTopic),
				log.DeadlineRights()),
			Postgres: postgres.Rights{
				ReadViews: true, WriteViews: true, OnlyView: runtime.ProcessCheckpointName, RecordActions: true,
				ReadSnapshots: true, WriteProcessSnapshots: true,
			},
		},
		{
			Name: QueryUser, NATS: read,
			Postgres: postgres.Rights{ReadViews: true, ReadSnapshots: true, ReadLog: true},
		},
		{
			Name: MigrateUser, NATS: read.And(log.CreateRights(), log.CreateBusRights(), jetstream.BucketCreateRights(statusBucket)),
		},
		{ // backs up, verifies, and restores into a log that migrate has created
			Name: OperatorUser, NATS: read.And(log.FollowRights(), log.AppendRights()),
			Postgres: postgres.Rights{ReadViews: true, ReadParked: true, ReadSnapshots: true, ReadLog: true, AppendLog: true, AppendProcesses: true},
		},
	}
	for i := range users {
		users[i].NATS = users[i].NATS.And(jetstream.InboxRights(service.InboxPrefix(users[i].Name)))
	}
	return users
}
