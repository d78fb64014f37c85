package adminapi

import (
	"context"
	"time"

	"github.com/orchestrix-go/orchestrix/shared/port"
	"github.com/orchestrix-go/orchestrix/shared/problem"
)

// DeadlineList is the answer of GET /deadlines: pending deadlines, soonest first.
type DeadlineList struct {
	Items []DeadlineItem `json:"items"`
}

// DeadlineItem is a pending deadline of a process instance.
type DeadlineItem struct {
	Category string    `json:"category" doc:"Of the instance."`
	ID       string    `json:"id" doc:"Of the instance."`
	Name     string    `json:"name"`
	At       time.Time `json:"at" doc:"When it fires."`
	Setting  string    `json:"setting" doc:"The id of this setting of the deadline."`
}

// deadlineFilter are the parameters that select deadlines.
type deadlineFilter struct {
	Category string     `query:"category" doc:"Only those of instances of this category."`
	ID       string     `query:"id" doc:"Only those of instances of this id."`
	Limit    limitParam `query:"limit" doc:"The maximum number of items."`
}

func listDeadlines(ctx context.Context, b *Bus, in *deadlineFilter) (DeadlineList, error) {
	if b.Deadlines == nil { // the log is in Postgres, where the route does not exist
		return DeadlineList{}, problem.NotFound.Errorf("there is nothing at GET /deadlines")
	}
	limit, err := in.Limit.number()
	if err != nil {
		return DeadlineList{}, err
	}
	items, err := pending(ctx, b.Deadlines, port.DeadlineQuery{Category: in.Category, ID: in.ID, Limit: limit})
	return DeadlineList{Items: items}, err
}

// pending returns the pending deadlines of a query as items.
func pending(ctx context.Context, deadlines port.Deadlines, q port.DeadlineQuery) ([]DeadlineItem, error) {
	items := []DeadlineItem{}
	found, err := deadlines.PendingDeadlines(ctx, q)
	for _, d := range found {
		items = append(items, DeadlineItem{Category: d.Of.Category, ID: d.Of.ID, Name: d.Name, At: d.At, Setting: d.ID})
	}
	return items, err
}
