// Command command is the command service of Orchestrix with the sample domain.
package main

import (
	"github.com/orchestrix-go/orchestrix/domain"
	"github.com/orchestrix-go/orchestrix/shared/app"
)

func main() { app.Service("command", app.Options{Name: "orchestrix", Modules: domain.Modules()}) }
