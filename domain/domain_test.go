package domain_test

import (
	"testing"

	"github.com/orchestrix-go/orchestrix/domain"
	"github.com/orchestrix-go/orchestrix/shared/es"
)

func TestModulesFitTogether(t *testing.T) {
	t.Parallel()
	if err := es.Check(domain.Modules()...); err != nil {
		t.Error(err)
	}
}
