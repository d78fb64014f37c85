package jetstream

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Member is a user of NATS with its rights.
type Member struct {
	Name    string // of the user: "command"
	Account string // of the user alone: "COMMAND"
	Rights  Rights
	Writer  bool // it has a second user, inside the account of the log, which appends
	// Absent: the account has no user yet. A server that loads a new account while it runs gives it no imports, so an account
	// whose user comes later is there from the start.
	Absent bool
}

// Account is an account of NATS. Accounts see nothing of each other but what is exported and imported.
type Account struct {
	Name      string
	JetStream bool
	Users     []AccountUser
	Exports   []Export
	Imports   []Import
}

// AccountUser is a user of an account, with the only subjects that it may publish and subscribe to.
type AccountUser struct {
	Name               string
	Writer             bool     // of the member with this name: it appends to the log
	Publish, Subscribe []string // none where empty, which NATS would take for all
}

// Export lets other accounts use a subject.
type Export struct {
	Subject string
	Stream  bool // they receive what is published here; otherwise they send requests
	Many    bool // a request has several answers
	To      []string
}

// Import is the use of a subject of another account.
type Import struct {
	From    string // the account
	Subject string // there
	Local   string // in the importing account
	Stream  bool
}

// Accounts returns the accounts of the log, of the bus and of each member, who reach what their rights name. Each member calls
// the API of JetStream under apiPrefix.
//
// The log has an account for itself because those who append are users of it. The server publishes its answer to any reply
// subject that a client names, with rights of its own. Of the answers to an append, none changes a stream, and in an account that
// holds only the log they are stored, at worst, as messages that are no commits.
//
// A consumer delivers to any subject in the account of its stream, if the subject has a literal subscriber there. Therefore no
// stream has a literal subject, and no user of these two accounts subscribes to one.
func (c Config) Accounts(apiPrefix string, members []Member) []Account {
	c = c.withDefaults()
	c.APIPrefix = apiPrefix
	b := accountBuilder{config: c, exports: map[string]map[string]*Export{}}
	log, bus := Account{Name: c.logAccount(), JetStream: true}, Account{Name: c.busAccount(), JetStream: true}
	owners := map[string]string{} // of inboxes
	for _, m := range members {
		for _, inbox := range m.Rights.Subscribe {
			owners[inbox] = m.Account
		}
		if m.Writer && !m.Absent {
			log.Users = append(log.Users, AccountUser{
				Name: m.Name, Writer: true, Publish: m.Rights.Append, Subscribe: InboxRights(WriterInboxPrefix("_INBOX_" + m.Name)).Subscribe,
			})
		}
	}
	accounts := make([]Account, len(members))
	for i, m := range members {
		accounts[i] = b.member(m)
	}
	for i, m := range members {
		for _, inbox := range m.Rights.Answer {
			b.export(m.Account, Export{Subject: inbox, Stream: true}, owners[inbox])
			asker := slices.IndexFunc(accounts, func(a Account) bool { return a.Name == owners[inbox] })
			accounts[asker].Imports = append(accounts[asker].Imports, Import{From: m.Account, Subject: inbox, Local: inbox, Stream: true})
		}
		accounts[i].Exports = b.exported(m.Account)
	}
	log.Exports, bus.Exports = b.exported(log.Name), b.exported(bus.Name)
	return append([]Account{log, bus}, accounts...)
}

// WriterInboxPrefix is the prefix of the inboxes of the writer beside a user whose inboxes have this one.
func WriterInboxPrefix(inboxPrefix string) string { return inboxPrefix + "_writer" }

func (c Config) logAccount() string { return cmp.Or(c.Prefix, defaultPrefix) }
func (c Config) busAccount() string { return c.name("_BUS") }

// accountBuilder collects what accounts export.
type accountBuilder struct {
	config  Config
	exports map[string]map[string]*Export // by account and subject
}

func (b *accountBuilder) member(m Member) Account {
	account := Account{Name: m.Account}
	user := AccountUser{Name: m.Name, Publish: slices.Concat(m.Rights.Publish, m.Rights.Answer), Subscribe: m.Rights.Subscribe}
	use := func(from, subject, local string, many bool) {
		b.export(from, Export{Subject: subject, Many: many}, m.Account)
		account.Imports = append(account.Imports, Import{From: from, Subject: subject, Local: local})
		user.Publish = append(user.Publish, local)
	}
	for _, request := range withoutCovered(m.Rights.API) {
		from := b.config.busAccount()
		if strings.Contains(request, "."+b.config.name("_EVENTS_")) {
			from = b.config.logAccount()
		}
		// An export for several answers keeps an entry in the server for two minutes after each request: only the request for
		// messages has several.
		use(from, defaultAPIPrefix+"."+request, b.config.api(request), strings.HasPrefix(request, "CONSUMER.MSG.NEXT."))
	}
	for _, subject := range withoutCovered(m.Rights.Data) {
		use(b.config.busAccount(), subject, subject, false)
	}
	slices.Sort(user.Publish)
	if !m.Absent {
		account.Users = []AccountUser{user}
	}
	return account
}

// export adds an account to those that may use a subject.
func (b *accountBuilder) export(from string, e Export, to string) {
	if b.exports[from] == nil {
		b.exports[from] = map[string]*Export{}
	}
	known := b.exports[from][e.Subject]
	if known == nil {
		known = &e
		b.exports[from][e.Subject] = known
	}
	known.To = append(known.To, to)
}

// exported are the exports of an account, in the order of their subjects.
func (b *accountBuilder) exported(account string) []Export {
	var exports []Export
	for _, subject := range slices.Sorted(maps.Keys(b.exports[account])) {
		exports = append(exports, *b.exports[account][subject])
	}
	return exports
}

// withoutCovered leaves out the subjects that another one of them covers: a message is delivered once for each import that it matches.
func withoutCovered(subjects []string) []string {
	return slices.DeleteFunc(slices.Clone(subjects), func(subject string) bool {
		return slices.ContainsFunc(subjects, func(other string) bool { return other != subject && covers(other, subject) })
	})
}

// covers reports whether every subject that matches b matches a.
func covers(a, b string) bool {
	wide, narrow := strings.Split(a, "."), strings.Split(b, ".")
	for i, token := range wide {
		switch {
		case i == len(narrow):
			return false
		case token == ">":
			return true
		case narrow[i] == ">" || token != "*" && token != narrow[i]:
			return false
		}
	}
	return len(wide) == len(narrow)
}
