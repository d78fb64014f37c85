// Command query is the query service of Orchestrix with the sample domain.
package main

import (
	"github.com/orchestrix-go/orchestrix/domain"
	"github.com/orchestrix-go/orchestrix/shared/app"
)

func main() { app.Service("query", app.Options{Name: "orchestrix", Modules: domain.Modules()}) }
