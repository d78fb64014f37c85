package domain_test

import (
	"testing"

	"orchestrix/domain"
	"orchestrix/shared/es"
)

func TestModulesFitTogether(t *testing.T) {
	t.Parallel()
	if _, err := es.NewRegistry(domain.Modules()...); err != nil {
		t.Error(err)
	}
}
