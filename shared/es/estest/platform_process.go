package estest

import (
	"context"
	"fmt"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/processes"
)

// Instance returns a process instance. One that has not begun ends the test. See also [Running.Events].
func (p *Running) Instance(process, id string) Instance {
	p.t.Helper()
	var state processes.Instance
	p.must("read a process instance", func(ctx context.Context) (err error) {
		state, err = p.parts.runner.Instance(ctx, p.instance(process, id))
		return err
	})
	return instanceOf(&state)
}

// Retry retries a parked instance, as an operator does.
func (p *Running) Retry(process, id string) {
	p.t.Helper()
	p.must("retry a process instance", func(ctx context.Context) error {
		return p.parts.runner.Retry(ctx, p.instance(process, id), p.operation(), p.operator(""))
	})
}

// Cancel ends an instance early, as an operator does. A saga compensates.
func (p *Running) Cancel(process, id, reason string) {
	p.t.Helper()
	p.must("cancel a process instance", func(ctx context.Context) error {
		return p.parts.runner.Cancel(ctx, p.instance(process, id), p.operation(), p.operator(reason))
	})
}

func (p *Running) instance(process, id string) es.Stream {
	return es.Stream{Tenant: p.tenant, Category: core.ProcessCategoryPrefix + process, ID: id}
}

func (p *Running) operation() string {
	p.commands++
	return fmt.Sprint("operation-", p.commands)
}

func (p *Running) operator(reason string) core.Action {
	return core.Action{Who: "operator", Reason: reason, At: time.Now()}
}
