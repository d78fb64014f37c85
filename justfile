# Recipes wrap plain commands; none of them is needed.

# start the whole platform on this machine
dev *flags:
    go run ./cmd/orchestrix dev {{flags}}

# all tests
test:
    go test ./...

# the end-to-end tests alone
e2e:
    go test -count=1 ./tests/e2e

# a hundred kills of each kind, a hundred leaders, a hundred under the bank, and what came of it
chaos:
    ORCHESTRIX_FAULTS=100 go test -count=1 -v -timeout 180m -run 'TestKills|TestThreeNodes|TestBank$|TestFrozen' ./tests/e2e
    go test -count=1 -v ./tests/linear

# Orchestrix against what one would use instead; -quick takes fewer and shorter runs, -list shows the rows
bench *flags:
    go run ./tests/bench {{flags}}

# deploy/k8s on a real API server and, as root, on a whole node; builds Kubernetes from its module first (minutes)
k8s-test:
    cd tests/k8s && ORCHESTRIX_K8S=1 go test -count=1 -v -timeout 90m ./cluster

# deploy/compose for real: images, orders, killed containers; brings Docker along where it may
compose-test *file:
    tests/compose/test.sh {{file}}

# the binaries of the services and the tool, in bin/
build:
    go build -o bin/ ./services/command ./services/projection ./services/query ./services/process ./cmd/orchestrix

# what the linter says; ci installs it in bin/tools
lint:
    bin/tools/golangci-lint-v2.15.0 run ./...

# everything that a change has to pass
ci:
    bash .ci/run
