package platform

import (
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/postgres"
	"github.com/orchestrix-go/orchestrix/shared/runtime"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// User is a user of NATS, and a role in Postgres: of a service, of the command migrate, of an operator, or of a sender.
type User struct {
	Name     string
	NATS     jetstream.Rights
	Postgres postgres.Rights // none for [MigrateUser], which owns all tables
	Writer   bool            // it appends to the log with a second user of NATS, also where the domain gives it nothing to append
	NATSOnly bool            // it has no role in Postgres
	Absent   bool            // it has no keys now, only an account
}

// Account is the name of the user's account in NATS.
func (u User) Account() string {
	if slices.Contains(reservedUsers, u.Name) {
		return strings.ToUpper(u.Name)
	}
	return "SENDER_" + u.Name
}

// The users of a deployment.
const (
	CommandUser    = "command"
	ProjectionUser = "projection"
	ProcessUser    = "process"
	QueryUser      = "query"
	MigrateUser    = "migrate"
	OperatorUser   = "operator"
	RestoreUser    = "restore" // exists only while a backup is restored
)

var reservedUsers = []string{CommandUser, ProjectionUser, ProcessUser, QueryUser, MigrateUser, OperatorUser, RestoreUser}

// APIPrefix is the prefix under which each user calls the API of JetStream.
const APIPrefix = "orx.api"

// Deployment is what the rights of its users depend on.
type Deployment struct {
	Registry   *core.Registry
	Partitions int
	Senders    []Sender
	Restoring  bool // a backup is being restored
}

// Users returns the users of a deployment, each with the rights that it needs. No user may change or delete a stream, purge the
// log, or delete a message of it.
func (d Deployment) Users() []User {
	log := jetstream.Config{Partitions: d.Partitions}
	read := log.ReadRights().And(log.BusRights(), jetstream.BucketOpenRights(statusBucket))
	command := postgres.Rights{RecordActions: true, ReadSnapshots: true, WriteSnapshots: true, ReadLog: true, AppendLog: true}
	aggregates, processes := d.categories()
	users := []User{
		{
			Name: CommandUser, Postgres: command, Writer: true,
			NATS: read.And(log.AppendRights(aggregates...), log.PublishRights(port.CommandTopic, CommandUser),
				log.SubscribeRights(port.CommandTopic), log.PublishRights(port.ResultTopic, CommandUser),
				log.DeadLetterRights(), log.PublishRights(port.CommandTopic, ProcessUser), d.allSenderRights(),
				log.ListDeadlineRights(), jetstream.BucketRights(statusBucket), d.replyRights()),
		},
		{
			Name: ProjectionUser, NATS: read.And(log.FollowRights()),
			Postgres: postgres.Rights{ReadViews: true, WriteViews: true, RecordActions: true, ReadActions: true, ReadLog: true},
		},
		{ // its instances are streams, so it executes commands too
			Name: ProcessUser, Writer: true,
			NATS: read.And(log.FollowRights(), log.AppendRights(processes...), log.PublishRights(port.CommandTopic, ProcessUser),
				log.SubscribeRights(port.ResultTopic), log.DeadlineRights()),
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
		{ // backs up and verifies; a log in Postgres is restored by its owner, as whom migrate logs in
			Name: OperatorUser, NATS: read.And(log.FollowRights()),
			Postgres: postgres.Rights{ReadViews: true, ReadParked: true, ReadSnapshots: true, ReadLog: true},
		},
		{ // into a log that migrate has created
			Name: RestoreUser, Writer: true, NATSOnly: true, Absent: !d.Restoring,
			NATS: read.And(log.FollowRights(), log.RestoreRights(), log.MarkRights(), log.AppendRights("*")),
		},
	}
	for _, sender := range d.Senders {
		users = append(users, User{Name: sender.Name, NATSOnly: true, NATS: d.senderRights(sender)})
	}
	for i := range users {
		users[i].NATS = users[i].NATS.And(jetstream.InboxRights(service.InboxPrefix(users[i].Name)))
	}
	return users
}

// categories are those of aggregates and those of instances of processes.
func (d Deployment) categories() (aggregates, processes []string) {
	for _, a := range d.Registry.Aggregates() {
		if strings.HasPrefix(a.Category, core.ProcessCategoryPrefix) {
			processes = append(processes, a.Category)
		} else {
			aggregates = append(aggregates, a.Category)
		}
	}
	return aggregates, processes
}

// Accounts returns the accounts of NATS of these users.
func Accounts(partitions int, users []User) []jetstream.Account {
	members := make([]jetstream.Member, len(users))
	for i, u := range users {
		members[i] = jetstream.Member{Name: u.Name, Account: u.Account(), Rights: u.NATS, Writer: u.Writer, Absent: u.Absent}
	}
	return jetstream.Config{Partitions: partitions}.Accounts(APIPrefix, members)
}
