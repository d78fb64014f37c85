package service_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

// asService is the variable that makes this test binary run as a service of the program that it names.
const asService = "SERVICE_TEST_RUN_OF"

// ownConfig are variables of the program.
type ownConfig struct {
	MaxItems int    `split_words:"true" default:"7" desc:"items of one order"`
	Currency string `required:"true" desc:"of all prices"`
}

func (c *ownConfig) Validate() error {
	if c.MaxItems < 1 {
		return fmt.Errorf("SHOP_MAX_ITEMS is %d: it must be at least 1", c.MaxItems)
	}
	return nil
}

func TestMain(m *testing.M) {
	if os.Getenv(asService) == "" {
		os.Exit(m.Run())
	}
	var config service.CommandConfig
	var own ownConfig
	os.Exit(service.Main(context.Background(), service.Process{
		Program: os.Getenv(asService), Call: os.Getenv(asService) + " command", Service: "command", Args: os.Args[1:], Config: &config, Variables: service.Variables{Prefix: "SHOP", Spec: &own},
		Run: func(_ context.Context, env service.Env) error {
			fmt.Println("ran with", config.Partitions, config.Addr, env.Connections.NATSURL, own.MaxItems)
			return nil
		},
	}))
}

func runService(t *testing.T, env []string, args ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], args...)
	command.Env = append([]string{asService + "=shop", "SHOP_CURRENCY=EUR", "ORCHESTRIX_HEALTH_ADDR=127.0.0.1:0"}, env...)
	out, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func TestHelpShowsEveryVariableWithItsDefault(t *testing.T) {
	t.Parallel()
	out, code := runService(t, nil, "-h")
	if code != 0 {
		t.Fatalf("exit status %d:\n%s", code, out)
	}
	for _, line := range []string{
		"NATS_URL nats://127.0.0.1:4222", "DATABASE_URL postgres://", "ORCHESTRIX_ADDR 127.0.0.1:8080", "ORCHESTRIX_HEALTH_ADDR 127.0.0.1:9080", "ORCHESTRIX_ADMIN_ADDR 127.0.0.1:9180",
		"NATS_INBOX_PREFIX _INBOX_command", "ORCHESTRIX_AWAIT_MIGRATION false", "ORCHESTRIX_PARTITIONS 4", "ORCHESTRIX_SHUTDOWN_TIMEOUT 25s", "ORCHESTRIX_CACHE_SIZE 100000", "ORCHESTRIX_SNAPSHOT_EVERY 32",
		"SHOP_MAX_ITEMS 7 items of one order", "SHOP_CURRENCY required of all prices", "The command service of shop takes",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), line) {
			t.Errorf("%q is missing in\n%s", line, out)
		}
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  []string
		args []string
		code int
		says string
	}{
		"defaults":             {nil, nil, 1, "ran with 4 127.0.0.1:8080 nats://127.0.0.1:4222 7"}, // a service that returns has failed
		"set":                  {[]string{"ORCHESTRIX_PARTITIONS=8", "NATS_URL=nats://n:1"}, nil, 1, "ran with 8 127.0.0.1:8080 nats://n:1"},
		"no number":            {[]string{"ORCHESTRIX_PARTITIONS=many"}, nil, 2, `ORCHESTRIX_PARTITIONS is "many": it must be of type int`},
		"out of range":         {[]string{"ORCHESTRIX_REPLICAS=2"}, nil, 2, "ORCHESTRIX_REPLICAS is 2: it must be 1, 3 or 5"},
		"a negative time":      {[]string{"ORCHESTRIX_SHUTDOWN_DELAY=-1s"}, nil, 2, "ORCHESTRIX_SHUTDOWN_DELAY is -1s: it must be at least 0s"},
		"one of its own":       {[]string{"ORCHESTRIX_CACHE_SIZE=-1"}, nil, 2, "ORCHESTRIX_CACHE_SIZE is -1: it must be at least 1"},
		"several":              {[]string{"ORCHESTRIX_REPLICAS=2", "ORCHESTRIX_LOG_LEVEL=loud"}, nil, 2, "ORCHESTRIX_LOG_LEVEL is loud"},
		"two logins":           {[]string{"NATS_NKEY_FILE=a", "NATS_CREDS_FILE=b"}, nil, 2, "NATS_NKEY_FILE and NATS_CREDS_FILE are both set"},
		"a typing error":       {[]string{"ORCHESTRIX_PARTITION=8"}, nil, 1, "ORCHESTRIX_PARTITION"},
		"one of the program":   {[]string{"SHOP_MAX_ITEMS=0"}, nil, 2, "shop command: SHOP_MAX_ITEMS is 0: it must be at least 1\n(shop command -h lists all variables)"},
		"no number of it":      {[]string{"SHOP_MAX_ITEMS=many"}, nil, 2, `SHOP_MAX_ITEMS is "many": it must be of type int`},
		"a typing error in it": {[]string{"SHOP_MAX_ITEM=3"}, nil, 1, `"variable":"SHOP_MAX_ITEM"`},
		"an argument":          {nil, []string{"start"}, 2, `takes no argument "start"`},
		"an address in use":    {[]string{"ORCHESTRIX_HEALTH_ADDR=127.0.0.1:99999"}, nil, 1, "ORCHESTRIX_HEALTH_ADDR"},
		"no tokens":            {[]string{"ORCHESTRIX_ADMIN_ADDR=:9080"}, nil, 2, "set ORCHESTRIX_HEALTH_ADDR instead"},
		"no file of tokens":    {[]string{"ORCHESTRIX_ADMIN_TOKEN_FILE=/nowhere/tokens"}, nil, 1, "ORCHESTRIX_ADMIN_TOKEN_FILE: open /nowhere/tokens"},
		"profiles for all":     {[]string{"ORCHESTRIX_PPROF=true"}, nil, 2, "ORCHESTRIX_PPROF is true: it must be false without ORCHESTRIX_ADMIN_TOKEN_FILE"},
		"no origin":            {[]string{"ORCHESTRIX_TRUSTED_ORIGINS=https://a.example,shop"}, nil, 2, `ORCHESTRIX_TRUSTED_ORIGINS: "shop" is no origin`},
		"a service that ends":  {nil, nil, 1, "ended unexpectedly"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := runService(t, test.env, test.args...)
			if code != test.code || !strings.Contains(out, test.says) {
				t.Errorf("exit status %d, it must be %d; %q must be in\n%s", code, test.code, test.says, out)
			}
		})
	}
}
