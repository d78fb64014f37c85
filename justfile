# Recipes wrap plain commands; none of them is needed.

# start the whole platform on this machine
dev *flags:
    go run ./cmd/orchestrix dev {{flags}}

# all tests of the product; ci also runs those of the test modules
test:
    go test ./...

# the end-to-end tests alone
e2e:
    go test -count=1 ./tests/e2e

# a hundred kills of each kind, of leaders and under the bank, with the checks afterwards
chaos:
    ORCHESTRIX_FAULTS=100 go test -count=1 -v -timeout 180m -run 'TestKills|TestThreeNodes|TestBank$|TestFrozen' ./tests/e2e
    cd tests/linear && go test -count=1 -v .

# a backup of the last version of format 1, made by that version with random commands, becomes an installation of this one
proof-upgrade commit="57c4d45":
    ORCHESTRIX_UPGRADE_FROM={{commit}} go test -count=1 -v -timeout 20m -run TestUpgradeFromACommit ./tests/e2e

# every user of NATS against every subject of every stream, on three nodes, with NKeys and with credentials files
proof-rights:
    ORCHESTRIX_RIGHTS=all go test -count=1 -v -timeout 30m -run TestNoUser ./tests/rights

# each service under its shipped memory limit, with the worst load that its limits allow, for a minute; needs root
proof-limits duration='60s':
    ORCHESTRIX_LIMITS={{duration}} go test -count=1 -v -timeout 30m ./tests/e2e -run TestServicesUnderTheirMemoryLimits

# Orchestrix against the alternatives; -quick takes fewer and shorter runs, -list shows the rows
bench *flags:
    go build -C tests/bench -o ../../bin/bench .
    bin/bench {{flags}}

# the API documents against a linter, and the clients that are generated from them
clients-test:
    cd tests/clients && npm ci --ignore-scripts && go test -count=1 -v .

# deploy/k8s on a real API server and, as root, on a whole node; builds Kubernetes from its module first (minutes)
k8s-test:
    cd tests/k8s && ORCHESTRIX_K8S=1 go test -count=1 -v -timeout 90m ./cluster

# deploy/compose with real containers: images, orders, killed containers; installs Docker where it may
compose-test *file:
    tests/compose/test.sh {{file}}

# the same for a generated project: image, `docker compose up`, the first command of its README
compose-test-project:
    tests/compose/project.sh

# the binaries of the services and the tool, in bin/
build:
    go build -o bin/ ./services/command ./services/projection ./services/query ./services/process ./cmd/orchestrix

# change the path of the module everywhere, for a copy that is published under another host
module path:
    .ci/module {{path}}

# copy the repository to a new directory, without the sample domains and the tests about them
without-samples dir:
    .ci/without-samples {{dir}}

# the linter's findings; ci installs it in bin/tools
lint:
    bin/tools/golangci-lint-v2.15.0 run ./...

# every check that a change has to pass
ci:
    bash .ci/run
