package process_test

import (
	"testing"

	"orchestrix/shared/local/localtest"
)

func TestMain(m *testing.M) { localtest.Main(m) }
