package verify_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

func TestMain(m *testing.M) { localtest.Main(m) }
