package service

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Prefix is the prefix of the variables, except those that other tools share, such as NATS_URL and DATABASE_URL.
const Prefix = "ORCHESTRIX"

// Connections are the addresses of the two backends and the credentials for them.
type Connections struct {
	NATSURL       string `envconfig:"NATS_URL" default:"nats://127.0.0.1:4222" desc:"NATS servers, separated by commas"`
	NATSNKeyFile  string `envconfig:"NATS_NKEY_FILE" desc:"file with the NKey seed to log in to NATS with"`
	NATSCredsFile string `envconfig:"NATS_CREDS_FILE" desc:"file with the JWT and the NKey seed to log in to NATS with, instead of the NKey alone"`
	// The writer is the user that appends, inside the account of the log; without one, the other user does.
	NATSWriterNKeyFile  string `envconfig:"NATS_WRITER_NKEY_FILE" desc:"file with the NKey seed of the user that appends to the log; empty: the same user as for all else"`
	NATSWriterCredsFile string `envconfig:"NATS_WRITER_CREDS_FILE" desc:"file with the JWT and the NKey seed of the user that appends to the log, instead of the NKey alone"`
	NATSAPIPrefix       string `envconfig:"ORCHESTRIX_NATS_API_PREFIX" default:"$JS.API" desc:"prefix under which the account in NATS has the API of JetStream; orx.api with the list of rights that keys init writes"`
	NATSCAFile          string `envconfig:"NATS_CA_FILE" desc:"file with the CA certificates of NATS; empty: those of the system, if the URL has the scheme tls"`
	NATSInboxPrefix     string `envconfig:"NATS_INBOX_PREFIX" desc:"prefix of the subjects that NATS replies to; no other user of NATS should be able to subscribe to them"`
	DatabaseURL         string `envconfig:"DATABASE_URL" default:"postgres://127.0.0.1:5432/orchestrix" desc:"Postgres database; never logged, since it may hold a password"`
}

// InboxPrefix is the default of NATS_INBOX_PREFIX: each user of NATS has one of its own.
func InboxPrefix(user string) string { return "_INBOX_" + user }

// LoadConnections reads the connections from the environment, for a program that is not a service.
func LoadConnections(user string) (Connections, error) {
	var c Connections
	err := readVariables("", &c)
	c.setDefaults(user)
	return c, errors.Join(err, c.validate())
}

func (c *Connections) setDefaults(user string) {
	if c.NATSInboxPrefix == "" {
		c.NATSInboxPrefix = InboxPrefix(user)
	}
}

func (c *Connections) validate() error {
	if c.NATSNKeyFile != "" && c.NATSCredsFile != "" {
		return errors.New("NATS_NKEY_FILE and NATS_CREDS_FILE are both set: set only one of them")
	}
	if c.NATSWriterNKeyFile != "" && c.NATSWriterCredsFile != "" {
		return errors.New("NATS_WRITER_NKEY_FILE and NATS_WRITER_CREDS_FILE are both set: set only one of them")
	}
	return nil
}

// LogValue keeps the URLs, and with them the passwords, out of the log.
func (Connections) LogValue() slog.Value { return slog.StringValue("not logged") }

// Common are the settings of every service.
type Common struct {
	HealthAddr      string        `split_words:"true" desc:"address of the health port: health, readiness, metrics"`
	AdminAddr       string        `split_words:"true" desc:"address of the admin port, for operators"`
	AdminTokenFile  string        `split_words:"true" desc:"file with the tokens of operators, one a line: name:token, or name:sha256:digest; without it there is no admin port"`
	LogLevel        string        `split_words:"true" default:"info" desc:"debug, info, warn or error; changeable at run time on the admin port"`
	LogFormat       string        `split_words:"true" default:"auto" desc:"json, text, or auto: text on a terminal"`
	Pprof           bool          `default:"false" desc:"serve profiles of Go on the admin port"`
	ShutdownTimeout time.Duration `split_words:"true" default:"25s" desc:"how long stopping may take; work in flight is cancelled after it"`
	ShutdownDelay   time.Duration `split_words:"true" default:"1s" desc:"how long a stopping service continues to accept requests, so that load balancers and clients notice"`
	Log             string        `default:"jetstream" desc:"store of the event log: jetstream, or postgres, which needs no NATS"`
	Partitions      int           `default:"4" desc:"partitions of the log; fixed when the log is created"`
	Replicas        int           `default:"1" desc:"replicas of the log when it is created: 1, 3 or 5"`
	DatabaseConns   int           `split_words:"true" default:"10" desc:"maximum number of connections to Postgres"`
	SnapshotKeyFile string        `split_words:"true" desc:"file with a line ID:KEY for each key of snapshots: the first writes, all are accepted; empty: a checksum only"`
	AwaitMigration  bool          `split_words:"true" default:"false" desc:"wait until the command migrate has created streams and tables, instead of creating them"`
}

// Stores of the event log.
const (
	LogInJetStream = "jetstream"
	LogInPostgres  = "postgres"
)

// HTTP are the settings of services with an HTTP API.
type HTTP struct {
	Addr string `desc:"address of the HTTP API"`
	// TrustedOrigins are those of web pages on other hosts: see [WebGuard].
	TrustedOrigins     []string `split_words:"true" desc:"origins of web pages on other hosts whose requests may change something, separated by commas: https://shop.example.com"`
	MaxInFlight        int      `split_words:"true" default:"1024" desc:"maximum number of requests in flight; further ones get 503"`
	MaxBytesInFlight   int64    `split_words:"true" default:"0" desc:"maximum bytes of bodies and answers in flight, beyond the first 16 KiB of each; further ones get 503; 0: a sixteenth of the memory limit"`
	TrustTraceSampling bool     `split_words:"true" default:"false" desc:"record a trace because its client has sampled it (traceparent); otherwise the sampler of this service decides"`
}

// CommandConfig configures the command service.
type CommandConfig struct {
	Common
	HTTP
	CacheSize     int `split_words:"true" default:"100000" desc:"aggregates kept in memory"`
	CacheBytes    int `split_words:"true" default:"0" desc:"estimated bytes of the aggregates kept in memory; 0: a quarter of the memory limit"`
	SnapshotEvery int `split_words:"true" default:"32" desc:"commits between two snapshots of an aggregate"`
	// OutcomesBytes keeps its name, since the name of the environment variable, a contract, follows from it.
	OutcomesBytes uint64 `split_words:"true" default:"1073741824" desc:"maximum size in bytes of stored results of asynchronous commands (kept 26 h); above it, new ones get 503"`
}

// ProjectionConfig configures the projection service.
type ProjectionConfig struct {
	Common
	Batch    int           `default:"500" desc:"maximum number of commits in one transaction"`
	LeaseTTL time.Duration `envconfig:"LEASE_TTL" default:"3s" desc:"how long after the last heartbeat of a worker another one takes over; at least 1s"`
	KeepOld  time.Duration `split_words:"true" default:"24h" desc:"how long the old build of a view is kept after readers have switched to a newer one"`
}

// QueryConfig configures the query service.
type QueryConfig struct {
	Common
	HTTP
	MaxWaiting int `split_words:"true" default:"1024" desc:"maximum number of requests that wait for a position; above it, the one that has waited longest gets 503"`
}

// ProcessConfig configures the process service.
type ProcessConfig struct {
	Common
	CacheSize     int           `split_words:"true" default:"100000" desc:"aggregates kept in memory"`
	CacheBytes    int           `split_words:"true" default:"0" desc:"estimated bytes of the aggregates kept in memory; 0: a quarter of the memory limit"`
	SnapshotEvery int           `split_words:"true" default:"32" desc:"commits between two snapshots of an aggregate"`
	Parallel      int           `default:"64" desc:"maximum number of process instances handled concurrently"`
	LeaseTTL      time.Duration `envconfig:"LEASE_TTL" default:"3s" desc:"how long after the last heartbeat of a worker another one takes over; at least 1s"`
}

// addrs are the addresses of the ports of a service.
type addrs struct{ api, health, admin string }

// defaultAddrs are different for each service, so that all services run on one machine.
var defaultAddrs = map[string]addrs{
	"command":    {"127.0.0.1:8080", "127.0.0.1:9080", "127.0.0.1:9180"},
	"query":      {"127.0.0.1:8081", "127.0.0.1:9081", "127.0.0.1:9181"},
	"projection": {"", "127.0.0.1:9082", "127.0.0.1:9182"},
	"process":    {"", "127.0.0.1:9083", "127.0.0.1:9183"},
}

// DefaultAdminURL is the URL of a service's admin port on this machine, where no variable changes it.
func DefaultAdminURL(service string) string { return "http://" + defaultAddrs[service].admin }

// settings are the groups of variables that a service reads.
type settings struct {
	connections *Connections
	own         Config
	common      *Common
	http        *HTTP // nil: none
	program     Variables
}

// load reads the environment. The error names each variable with an invalid value and the allowed values.
func (s settings) load(service string) error {
	if err := errors.Join(readVariables("", s.connections), readVariables(Prefix, s.own)); err != nil {
		return err
	}
	s.setDefaultAddrs(service)
	if s.http != nil && s.http.MaxBytesInFlight == 0 {
		s.http.MaxBytesInFlight = bytesInFlight(memoryLimit())
	}
	switch own := s.own.(type) {
	case *CommandConfig:
		own.CacheBytes = cmp.Or(own.CacheBytes, cacheBytes(memoryLimit()))
	case *ProcessConfig:
		own.CacheBytes = cmp.Or(own.CacheBytes, cacheBytes(memoryLimit()))
	}
	s.connections.setDefaults(service)
	return errors.Join(s.validate(), s.program.Load())
}

func (s settings) setDefaultAddrs(service string) {
	addrs := defaultAddrs[service]
	if s.http != nil && s.http.Addr == "" {
		s.http.Addr = addrs.api
	}
	if s.common.HealthAddr == "" {
		s.common.HealthAddr = addrs.health
	}
	if s.common.AdminAddr == "" && s.common.AdminTokenFile != "" {
		s.common.AdminAddr = addrs.admin
	}
}

// usage prints every variable with its default.
func (s settings) usage(out io.Writer, program, service string) error {
	fmt.Fprintf(out, "The %s service of %s takes its configuration from the environment:\n\n", service, program)
	const row = "{{range .}}{{usage_key .}}\t{{usage_default .}}\t{{usage_description .}}\n{{end}}"
	var rows strings.Builder
	rows.WriteString("VARIABLE\tDEFAULT\tMEANING\n")
	err := errors.Join(envconfig.Usagef("", s.connections, &rows, row), envconfig.Usagef(Prefix, s.own, &rows, row))
	if s.program.Spec != nil {
		const row = "{{range .}}{{usage_key .}}\t{{if usage_required .}}required{{else}}{{usage_default .}}{{end}}\t{{usage_description .}}\n{{end}}"
		err = errors.Join(err, envconfig.Usagef(s.program.Prefix, s.program.Spec, &rows, row))
	}
	if err != nil {
		return err
	}
	// The defaults that differ by service can't be in struct tags.
	addrs := defaultAddrs[service]
	filled := strings.NewReplacer(
		"\n"+Prefix+"_ADDR\t\t", "\n"+Prefix+"_ADDR\t"+addrs.api+"\t",
		"\nNATS_INBOX_PREFIX\t\t", "\nNATS_INBOX_PREFIX\t"+InboxPrefix(service)+"\t",
		"\n"+Prefix+"_HEALTH_ADDR\t\t", "\n"+Prefix+"_HEALTH_ADDR\t"+addrs.health+"\t",
		"\n"+Prefix+"_ADMIN_ADDR\t\t", "\n"+Prefix+"_ADMIN_ADDR\t"+addrs.admin+"\t",
	).Replace(rows.String())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(w, filled); err != nil {
		return err
	}
	return w.Flush()
}
