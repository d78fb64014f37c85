package runtime

import "context"

// maxPassedOver is of how many kinds somebody is told, at most: anybody may write kinds into the log.
const maxPassedOver = 1000

// passOver tells, once a kind, of events that can't be decoded and that none of the views is about. Those that a view is
// about are parked there.
func (p *Projector) passOver(ctx context.Context, e *entry) {
	if p.handle != nil {
		return // it is not about views
	}
	for i, err := range e.errs {
		if err == nil || p.concernsAny(e, i) || !p.firstOf(e.Events[i].Type) {
			continue
		}
		p.config.Logger.WarnContext(ctx, "an event can't be read, and is passed over, as others of its kind: nothing here is about it",
			"type", e.Events[i].Type, "stream", e.Stream.String(), "position", e.Position.String(), "error", err)
	}
}

func (p *Projector) concernsAny(e *entry, i int) bool {
	for _, view := range p.kept {
		if e.concerns(view, i) {
			return true
		}
	}
	return false
}

func (p *Projector) firstOf(kind string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passedOver[kind] || len(p.passedOver) == maxPassedOver {
		return false
	}
	p.passedOver[kind] = true
	return true
}
