// Command orchestrix is the tool of developers and operators: it starts the whole platform on one machine, sends
// commands, and shows the log and the projections.
package main

import (
	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/domain"
	"github.com/orchestrix-go/orchestrix/shared/app"
	"github.com/orchestrix-go/orchestrix/shared/scaffold/cli"
)

func main() {
	app.Main(app.Options{Name: "orchestrix", Modules: domain.Modules(), Commands: []*cobra.Command{cli.New("orchestrix")}})
}
