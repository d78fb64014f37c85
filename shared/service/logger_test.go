package service_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/service"
)

func TestConnectionsAreNotLogged(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		logger := service.NewLogger(&out, format, new(slog.LevelVar))
		connections := service.Connections{NATSURL: "nats://ann:swordfish@nats", DatabaseURL: "postgres://ann:swordfish@db/orchestrix"}
		logger.Info("started", "connections", connections)
		logger.Info("started", "error", fmt.Errorf("no %v", slog.AnyValue(connections).Resolve()))
		if text := out.String(); strings.Contains(text, "swordfish") || strings.Count(text, "started") != 2 {
			t.Errorf("%s: %s", format, text)
		}
	}
}
