package dev

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/platform"
)

func TestPartsOfTheProcessServiceThatDoNotRunAreNamed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	d := dev{logger: slog.New(slog.NewTextHandler(&log, nil)), options: Options{Hooks: platform.Hooks{Parts: []platform.Part{
		{Service: platform.ProcessUser, Name: "mailer"}, {Service: platform.QueryUser, Name: "cache"},
	}}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.withoutProcesses(ctx); err != nil || !strings.Contains(log.String(), "part=mailer") || strings.Contains(log.String(), "cache") {
		t.Errorf("%v, logged %q", err, &log)
	}
}
