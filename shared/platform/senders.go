package platform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/service"
)

// Sender is a program outside the platform that sends commands over NATS.
type Sender struct {
	Name     string
	Commands []string // category.command of each command that it may send; empty: all that clients may send
}

// ParseSender reads NAME or NAME=category.command,category.command.
func ParseSender(text string) Sender {
	name, list, some := strings.Cut(text, "=")
	s := Sender{Name: name}
	if some {
		s.Commands = strings.Split(list, ",")
	}
	return s
}

// String is the form that [ParseSender] reads.
func (s Sender) String() string {
	if len(s.Commands) == 0 {
		return s.Name
	}
	return s.Name + "=" + strings.Join(s.Commands, ",")
}

// Check returns an error if the sender has the name of another user, or may send what is no command of a client.
func (d Deployment) Check() error {
	seen := slices.Clone(reservedUsers)
	for _, s := range d.Senders {
		if err := core.CheckToken("name of a sender", s.Name); err != nil {
			return err
		}
		same := func(name string) bool { return strings.EqualFold(name, s.Name) } // one directory on some systems of files
		if slices.ContainsFunc(seen, same) || slices.ContainsFunc(reservedDirs, same) {
			return fmt.Errorf("sender %s: another user, or a directory of the keys, has this name: take another one", s.Name)
		}
		seen = append(seen, s.Name)
		for _, command := range s.Commands {
			if err := d.checkCommand(command); err != nil {
				return fmt.Errorf("sender %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// reservedDirs are the directories of keys that belong to no user.
var reservedDirs = []string{"nats", "postgres", "monitor", "backup", "accounts", "orchestrix"}

func (d Deployment) checkCommand(name string) error {
	category, command, _ := strings.Cut(name, ".")
	aggregate, ok := d.Registry.Aggregate(category)
	if !ok {
		return fmt.Errorf("%q is not category.command: no module has the category %q", name, category)
	}
	known, ok := aggregate.Command(command)
	switch {
	case !ok:
		return fmt.Errorf("%q is not category.command: %s has no command %q", name, category, command)
	case known.Internal:
		return fmt.Errorf("%s is an internal command, which only processes send", name)
	}
	return nil
}

// senderRights are the rights to send commands and to receive their results.
func (d Deployment) senderRights(s Sender) (rights jetstream.Rights) {
	commands := s.Commands
	if len(commands) == 0 {
		for _, a := range d.Registry.Aggregates() {
			for _, c := range a.Offered() {
				commands = append(commands, a.Category+"."+c.Name)
			}
		}
	}
	for _, name := range commands {
		category, command, _ := strings.Cut(name, ".")
		rights = rights.And(jetstream.Config{}.SendRights(port.CommandTopic, s.Name, category, command))
	}
	return rights
}

// allSenderRights are the rights of all senders: with the same subjects, since exports in operator mode must not overlap.
func (d Deployment) allSenderRights() (rights jetstream.Rights) {
	for _, s := range d.Senders {
		rights = rights.And(d.senderRights(s))
	}
	return rights
}

// replyRights are the rights to send results to all senders.
func (d Deployment) replyRights() (rights jetstream.Rights) {
	for _, s := range d.Senders {
		rights = rights.And(jetstream.ReplyRights(service.InboxPrefix(s.Name)))
	}
	return rights
}
