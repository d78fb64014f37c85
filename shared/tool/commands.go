package tool

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// ErrReported: a command has failed and has already printed why.
var ErrReported = errors.New("reported")

// Commands returns the commands of operators for the domain of these modules.
func Commands(modules []es.Module) []*cobra.Command {
	return []*cobra.Command{
		newSend(), newEvents(), newProjections(), newParked(), newDeadLetters(), newDeadlines(), newProcesses(), newVerify(modules),
		newBackup(), newRestore(), newMigrate(), newHealth(), newBench(), newKeys(),
	}
}

// fromEnv returns the default of a flag that an environment variable may set.
func fromEnv(variable, otherwise string) string {
	if value, ok := os.LookupEnv(variable); ok && value != "" {
		return value
	}
	return otherwise
}
