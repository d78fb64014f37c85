package rights

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/jetstream"
	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
	"github.com/orchestrix-go/orchestrix/shared/platform"
	"github.com/orchestrix-go/orchestrix/shared/service"
	"github.com/orchestrix-go/orchestrix/shared/tool"
)

const (
	partitions = 2
	patience   = 30 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

// orchestrix runs the tool.
func orchestrix(t testing.TB, args ...string) {
	t.Helper()
	root := &cobra.Command{Use: "orchestrix", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(tool.Commands("orchestrix", modules)...)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("orchestrix %v: %v", args, err)
	}
}

// installation is NATS with the accounts of a directory of keys.
type installation struct {
	keys        string
	credentials bool   // files with a JWT instead of NKeys
	sync        string // interval of JetStream; empty: a minute
	urls        string
	nodes       []node
	servers     []*server.Server
}

// install makes keys, with further flags, and starts so many nodes with them.
func install(t testing.TB, nodes int, credentials bool, flags ...string) *installation {
	t.Helper()
	in := &installation{credentials: credentials}
	in.install(t, nodes, flags...)
	return in
}

func (in *installation) install(t testing.TB, nodes int, flags ...string) {
	t.Helper()
	in.keys = filepath.Join(t.TempDir(), "keys")
	orchestrix(t, append([]string{"keys", "init", in.keys, fmt.Sprint("--partitions=", partitions), fmt.Sprint("--credentials=", in.credentials)}, flags...)...)
	in.start(t, nodes)
}

// node is the address of the routes and the directories of one server.
type node struct {
	route, config, store string
	port                 int
}

// start starts the servers as a deployment does, from a file that includes the list of rights.
func (in *installation) start(t testing.TB, nodes int) {
	t.Helper()
	for range nodes {
		dir := t.TempDir()
		n := node{route: localtest.FreeAddr(t), config: filepath.Join(dir, "nats.conf"), store: filepath.Join(dir, "js")}
		addr, err := netip.ParseAddrPort(localtest.FreeAddr(t))
		if err != nil {
			t.Fatal(err)
		}
		n.port = int(addr.Port())
		in.nodes = append(in.nodes, n)
		in.urls = strings.TrimPrefix(fmt.Sprintf("%s,nats://127.0.0.1:%d", in.urls, n.port), ",")
	}
	in.configure(t)
	for _, n := range in.nodes {
		o, err := server.ProcessConfigFile(n.config)
		if err != nil {
			t.Fatal(err)
		}
		o.NoSigs, o.NoLog = true, true
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		in.servers = append(in.servers, s)
	}
	for _, s := range in.servers {
		if !s.ReadyForConnections(patience) {
			t.Fatal("a server does not start")
		}
	}
	if nodes > 1 {
		eventually(t, "a cluster", func() bool {
			for _, s := range in.servers {
				if s.JetStreamIsLeader() {
					return len(s.JetStreamClusterPeers()) == nodes
				}
			}
			return false
		})
	}
}

// configure writes the configuration of each server, with an administrator of each account that holds streams.
func (in *installation) configure(t testing.TB) {
	t.Helper()
	list, err := os.ReadFile(filepath.Join(in.keys, "nats", "auth.conf"))
	if err != nil {
		t.Fatal(err)
	}
	const enabled = "jetstream: enabled\n    users: [\n"
	rights := string(list)
	for _, account := range []string{"ORX", "ORX_BUS"} {
		rights = strings.Replace(rights, "  "+account+" {\n    "+enabled, fmt.Sprintf("  %s {\n    %s      { user: %s, password: admin }\n", account, enabled, account), 1)
	}
	var routes []string
	for _, n := range in.nodes {
		routes = append(routes, "nats://"+n.route)
	}
	for i, n := range in.nodes {
		content := fmt.Sprintf("server_name: n%d\nlisten: \"127.0.0.1:%d\"\njetstream { store_dir: %q, sync_interval: %s }\n", i, n.port, n.store, cmp.Or(in.sync, "1m"))
		if len(in.nodes) > 1 {
			content += fmt.Sprintf("cluster { name: c, listen: %q, routes: [%s] }\n", n.route, strings.Join(routes, ", "))
		}
		if err := os.WriteFile(n.config, []byte(content+rights), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// reload does what 'nats-server --signal reload' does.
func (in *installation) reload(t testing.TB) {
	t.Helper()
	in.configure(t)
	for _, s := range in.servers {
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// connections are those that the environment of a user would name.
func (in *installation) connections(user string) service.Connections {
	c := service.Connections{NATSURL: in.urls, NATSInboxPrefix: service.InboxPrefix(user), NATSAPIPrefix: platform.APIPrefix}
	file := func(name string) string {
		path := filepath.Join(in.keys, user, name)
		if _, err := os.Stat(path); err != nil {
			return ""
		}
		return path
	}
	if in.credentials {
		c.NATSCredsFile, c.NATSWriterCredsFile = file("nats.creds"), file("writer.creds")
	} else {
		c.NATSNKeyFile, c.NATSWriterNKeyFile = file("nats.nk"), file("writer.nk")
	}
	return c
}

// as connects as a user, and as its writer.
func (in *installation) as(t testing.TB, user string) *platform.NATS {
	t.Helper()
	connection, err := platform.ConnectNATS(t.Context(), in.connections(user), user, quiet)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	t.Cleanup(connection.Close)
	return connection
}

// admin connects as the administrator of an account.
func (in *installation) admin(t testing.TB, account string) *nats.Conn {
	t.Helper()
	login := nats.UserInfo(account, "admin")
	if in.credentials {
		login = in.signedAdmin(t, account)
	}
	conn, err := nats.Connect(in.urls, login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// signedAdmin is the login of a user without limits, signed with the key of the account.
func (in *installation) signedAdmin(t testing.TB, account string) nats.Option {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seed, err := os.ReadFile(filepath.Join(in.keys, "accounts", account+".nk"))
	must(err)
	signer, err := nkeys.FromSeed(seed)
	must(err)
	user, err := nkeys.CreateUser()
	must(err)
	public, err := user.PublicKey()
	must(err)
	token, err := jwt.NewUserClaims(public).Encode(signer)
	must(err)
	userSeed, err := user.Seed()
	must(err)
	return nats.UserJWTAndSeed(token, string(userSeed))
}

// stores are the adapters as a user opens them.
type stores struct {
	*platform.NATS
	log       *jetstream.Log
	bus       *jetstream.Bus
	deadlines *jetstream.Deadlines
	statuses  *jetstream.KeyValue
}

const statusBucket = "ORX_OUTCOMES_OF_COMMANDS"

// migrate creates everything, as the user migrate.
func (in *installation) migrate(t testing.TB) {
	t.Helper()
	c := in.as(t, platform.MigrateUser)
	config := c.Config(jetstream.Config{Partitions: partitions, Replicas: len(in.servers), Logger: quiet})
	err := untilAvailable(t, func() error {
		log, err := jetstream.Open(t.Context(), c.Conn, config)
		if err != nil {
			return err
		}
		bus, err := jetstream.OpenBus(t.Context(), log, jetstream.BusConfig{})
		if err != nil {
			return err
		}
		if _, err := jetstream.OpenDeadlines(t.Context(), bus); err != nil {
			return err
		}
		_, err = jetstream.OpenKeyValue(t.Context(), c.Conn, config, statusBucket)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open opens everything, as a user that has no right to create.
func (in *installation) open(t testing.TB, user string) (s stores) {
	t.Helper()
	s.NATS = in.as(t, user)
	config := s.Config(jetstream.Config{Logger: quiet})
	err := untilAvailable(t, func() (err error) {
		if s.log, err = jetstream.OpenExisting(t.Context(), s.Conn, config); err != nil {
			return err
		}
		if s.bus, err = jetstream.OpenExistingBus(t.Context(), s.log); err != nil {
			return err
		}
		if s.deadlines, err = jetstream.OpenExistingDeadlines(t.Context(), s.bus); err != nil {
			return err
		}
		s.statuses, err = jetstream.OpenExistingKeyValue(t.Context(), s.Conn, config, statusBucket)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	return s
}
