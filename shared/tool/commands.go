package tool

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/orchestrix-go/orchestrix/shared/es"
)

// ErrReported is the error of a command that has already printed why it failed.
var ErrReported = errors.New("reported")

// Commands returns the commands of operators for a program with the domain of these modules.
func Commands(program string, modules []es.Module) []*cobra.Command {
	dev := &devFinder{program: program}
	return []*cobra.Command{
		newSend(dev), newEvents(dev), newProjections(dev), newParked(dev), newDeadLetters(dev), newDeadlines(dev), newProcesses(dev),
		newVerify(dev, modules), newBackup(dev), newRestore(dev), newMigrate(dev), newHealth(dev), newBench(dev), newLogLevel(dev), newKeys(program, modules),
	}
}

// fromEnv returns the default of a flag that an environment variable may set.
func fromEnv(variable, otherwise string) string {
	if value, ok := os.LookupEnv(variable); ok && value != "" {
		return value
	}
	return otherwise
}
