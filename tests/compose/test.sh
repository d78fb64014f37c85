#!/usr/bin/env bash
# Tries deploy/compose for real: builds the images, brings the stack up, sends the Northwind orders, kills containers, and
# compares the totals each time. It installs Docker where there is none and it may, starts an engine of its own where none
# runs, and builds stand-ins for the images of others where no registry can be reached. Where Docker can't run it says so
# and succeeds.
#
# usage: tests/compose/test.sh [COMMANDS.ndjson]    KEEP=1 leaves everything running
set -euo pipefail
cd "$(dirname "$0")/../.."
commands=${1:-${ORCHESTRIX_NORTHWIND:-../shared/data/northwind/commands.ndjson}}
compose_version=v2.40.3
work=$(mktemp -d /tmp/orchestrix-compose-XXXXXX)
engine=
say() { echo "== $*" >&2; }
skip() {
	say "skipped: $*"
	exit 0
}

compose() { "${compose[@]}" -f deploy/compose/compose.yaml --env-file "$work/env" "$@"; }

finish() {
	code=$?
	set +e
	if [ -n "${KEEP:-}" ]; then
		say "left running; DOCKER_HOST=${DOCKER_HOST:-} COMPOSE_FILE=deploy/compose/compose.yaml, work in $work"
		exit $code
	fi
	if [ -n "${compose:-}" ] && [ -f "$work/env" ]; then
		[ $code = 0 ] || compose logs --no-color --tail 30 >&2
		compose --profile cluster down --volumes --timeout 40
	fi
	if [ -n "$engine" ]; then
		kill "$engine"
		wait "$engine"
	fi
	rm -rf "$work" deploy/compose/keys.test
	exit $code
}
trap finish EXIT

[ -f "$commands" ] || skip "$commands, the orders, are not there: name the file"
if ! command -v dockerd >/dev/null && ! docker info >/dev/null 2>&1; then
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "there is no Docker, and it can't be installed"
	apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends docker.io iptables >&2 ||
		skip "Docker can't be installed"
fi
if ! docker info >/dev/null 2>&1; then
	[ "$(id -u)" = 0 ] || skip "no Docker engine runs, and only root can start one"
	say "starting an engine"
	export DOCKER_HOST=unix://$work/docker.sock
	dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" -H "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
	engine=$!
	for _ in $(seq 60); do
		docker info >/dev/null 2>&1 && break
		kill -0 $engine 2>/dev/null || skip "the engine does not start: $(tail -n 3 "$work/dockerd.log")"
		sleep 1
	done
	docker info >/dev/null 2>&1 || skip "the engine does not answer: $(tail -n 3 "$work/dockerd.log")"
fi
if docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
else
	tool=bin/tools/docker-compose-$compose_version
	if [ ! -x "$tool" ]; then
		say "building docker compose from its module"
		source=$(go mod download -json "github.com/docker/compose/v2@$compose_version" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
		(target=$PWD/$tool && cd "$source" && CGO_ENABLED=0 go build -trimpath -o "$target" ./cmd)
	fi
	compose=("$PWD/$tool")
fi

say "building our image"
# A docker without the plugin buildx has BuildKit built in, or does not know of it.
build() { DOCKER_BUILDKIT=1 docker build -q "$@" 2>/dev/null || DOCKER_BUILDKIT=1 /usr/bin/docker build -q "$@"; }
deploy/compose/rootfs.sh dist/rootfs 2>/dev/null
build -f deploy/compose/Dockerfile -t orchestrix:test --build-arg BINARIES=prebuilt --build-arg VERSION=test . >/dev/null

# standin IMAGE COMMAND… builds an image unless it is there or can be fetched.
standin() {
	docker image inspect "$1" >/dev/null 2>&1 || timeout 60 docker pull -q "$1" >/dev/null 2>&1 || {
		say "building a stand-in for $1"
		"${@:2}" "$1"
	}
}
nats() {
	mkdir -p "$work/nats"
	(cd "$work/nats" && apt-get download busybox-static >/dev/null 2>&1 && dpkg -x busybox-static_*.deb . && mv bin/busybox .)
	CGO_ENABLED=0 go build -o "$work/nats/nats-server" github.com/nats-io/nats-server/v2
	cp tests/compose/nats/Dockerfile "$work/nats/"
	build -t "$1" "$work/nats" >/dev/null
}
postgres() {
	command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qy debootstrap >/dev/null
	mkdir -p "$work/postgres"
	debootstrap --variant=minbase --include=postgresql,gosu bookworm "$work/postgres/root" http://deb.debian.org/debian >"$work/debootstrap.log"
	tar -C "$work/postgres/root" -cf "$work/postgres/root.tar" --exclude=./var/cache/apt --exclude=./proc --exclude=./sys .
	cp tests/compose/postgres/Dockerfile tests/compose/postgres/entrypoint.sh "$work/postgres/"
	build -t "$1" "$work/postgres" >/dev/null
}
standin "$(sed -n 's/^ *image: \(nats:.*\)/\1/p' deploy/compose/compose.yaml | head -n 1)" nats
standin "$(sed -n 's/^ *image: \(postgres:.*\)/\1/p' deploy/compose/compose.yaml)" postgres

say "up"
dist/rootfs/orchestrix keys init deploy/compose/keys.test --env "$work/env"
cat >>"$work/env" <<-EOF
	ORCHESTRIX_KEYS=./keys.test
	COMPOSE_PROJECT_NAME=orchestrix-test
	ORCHESTRIX_VERSION=test
	COMMAND_PORT=${COMMAND_PORT:-18080}
	QUERY_PORT=${QUERY_PORT:-18081}
EOF
up() { compose up --detach --no-build --wait --wait-timeout 300; }
up
command_url=http://127.0.0.1:${COMMAND_PORT:-18080} query_url=http://127.0.0.1:${QUERY_PORT:-18081}
send() { dist/rootfs/orchestrix send --command-url "$command_url" "$commands"; }

# check waits until the views show what the Northwind orders come to.
check() {
	for _ in $(seq 120); do
		totals=$(curl -sf "$query_url/v1/views/sales-by-country?limit=1000" | python3 -c '
import decimal, json, sys
items = json.load(sys.stdin)["items"]
print(sum(i["data"]["orders"] for i in items), sum(decimal.Decimal(i["data"]["net_total"]) for i in items))' || true)
		shipped=$(curl -sf "$query_url/v1/views/order-summary?status=shipped&limit=1000" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["items"]))' || true)
		[ "$totals $shipped" = "830 1265793.0395 809" ] && say "830 orders, 809 shipped, 1265793.0395 in all" && return
		sleep 1
	done
	say "the totals are $totals, $shipped shipped"
	return 1
}

# healthy waits until every container that goes on running is healthy.
healthy() {
	for _ in $(seq 120); do
		[ -z "$(compose ps --format '{{.Name}} {{.Health}}' | grep -v ' healthy$')" ] && return
		sleep 1
	done
	compose ps >&2
	return 1
}

send
check
compose run --rm --no-deps tool verify --sample 0

for service in nats postgres command projection process query; do
	say "killing $service"
	ids=$(compose ps --quiet "$service")
	# shellcheck disable=SC2086 # there may be several
	docker kill $ids >/dev/null
	# shellcheck disable=SC2086 # the engine starts nothing again that was killed by hand
	docker start $ids >/dev/null
	healthy
	send
	check
done
say "all containers down and up again, with their volumes"
compose down --timeout 40
up
check
compose run --rm --no-deps tool verify --sample 0
say "passed"
