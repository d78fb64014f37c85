package e2e

import (
	"errors"
	"os"
)

// Windows has none of these signals: the tests that need them fail there.

func suspend(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return errors.ErrUnsupported }

func quit(int) error { return errors.ErrUnsupported }

func isRunning(int) bool { return false }
