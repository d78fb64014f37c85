// The test of deploy/observe/dashboards against Grafana's own types. A module of its own: they are no part of the product.
module github.com/orchestrix-go/orchestrix/tests/dashboards

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
