package services

import (
	"net/http"
	"time"

	"orchestrix/shared/es"
	"orchestrix/shared/service"
)

// DeadlineList is the answer of GET /deadlines: those that have not fired, soonest first.
type DeadlineList struct {
	Items []DeadlineItem `json:"items"`
}

// DeadlineItem is a deadline that somebody waits for.
type DeadlineItem struct {
	Category string    `json:"category"`
	ID       string    `json:"id"` // of the instance
	Name     string    `json:"name"`
	At       time.Time `json:"at"`
	Setting  string    `json:"setting"` // tells it from others of the name
}

// deadlineRoutes adds the admin routes of deadlines.
func deadlineRoutes(mux *http.ServeMux, deadlines es.Deadlines) {
	mux.HandleFunc("GET /deadlines", func(w http.ResponseWriter, r *http.Request) {
		list, err := listDeadlines(r, deadlines)
		if err != nil {
			writeError(w, err)
			return
		}
		service.WriteJSON(w, http.StatusOK, list)
	})
}

func listDeadlines(r *http.Request, deadlines es.Deadlines) (DeadlineList, error) {
	query := r.URL.Query()
	limit, err := limitParameter(r)
	if err != nil {
		return DeadlineList{}, err
	}
	ctx, cancel := withTimeout(r)
	defer cancel()
	pending, err := deadlines.PendingDeadlines(ctx, es.DeadlineQuery{Category: query.Get("category"), ID: query.Get("id"), Limit: limit})
	list := DeadlineList{Items: []DeadlineItem{}}
	for _, d := range pending {
		list.Items = append(list.Items, DeadlineItem{Category: d.Of.Category, ID: d.Of.ID, Name: d.Name, At: d.At, Setting: d.ID})
	}
	return list, err
}
