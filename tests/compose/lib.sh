# Shared by test.sh and project.sh: a Docker engine, docker compose, and the images of others. A script that sources this file is
# in the root of the repository, and defines: work, a temporary directory; compose, a function; clean, which removes what is
# elsewhere.
#
# need_docker installs Docker where there is none and it may, starts an engine of its own where none runs, and standin builds
# substitutes for the images of others where no registry can be reached. Where Docker can't run, the script says so and succeeds.
compose_version=v2.40.3
engine=
say() { echo "== $*" >&2; }
skip() {
	say "skipped: $*"
	exit 0
}

# finish ends what the script has started. A failure shows the last lines of every container.
finish() {
	code=$?
	set +e
	if [ -n "${KEEP:-}" ]; then
		say "left running; DOCKER_HOST=${DOCKER_HOST:-}, work in $work"
		exit $code
	fi
	if [ -n "${compose:-}" ] && [ -f "$work/env" ]; then
		[ $code = 0 ] || compose logs --no-color --tail 30 >&2
		compose --profile '*' down --volumes --timeout 40
	fi
	if [ -n "$engine" ]; then
		kill "$engine"
		wait "$engine"
	fi
	clean
	rm -rf "$work"
	exit $code
}

# ask_services runs the commands of operators that ask a service, in the container of operators.
ask_services() {
	for list in projections "parked list" "dead-letters list" deadlines "processes list"; do
		# shellcheck disable=SC2086 # of words
		compose run --rm --no-deps tool $list || { say "no answer to '$list'" && exit 1; }
	done
}

# need_docker finds or starts an engine, and finds or builds docker compose.
need_docker() {
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
}

# A docker without the plugin buildx has BuildKit built in, or does not know of it.
build() { DOCKER_BUILDKIT=1 docker build -q "$@" 2>/dev/null || DOCKER_BUILDKIT=1 /usr/bin/docker build -q "$@"; }

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
# from_module DIR MODULE@VERSION copies the source of another module there, to build programs of it.
from_module() {
	mkdir -p "$1"
	cp -r "$(go mod download -json "$2" | sed -n 's/.*"Dir": "\(.*\)",/\1/p')" "$1/source"
	chmod -R u+w "$1/source"
}
prometheus() {
	mkdir -p "$work/prometheus/data"
	from_module "$work/prometheus" github.com/prometheus/prometheus@v0.307.3 # v3.7.3
	# It needs no other way to find its targets, and the others are most of what there is to compile.
	printf 'package plugins\n\nimport _ "github.com/prometheus/prometheus/discovery/dns"\n' >"$work/prometheus/source/plugins/plugins.go"
	(cd "$work/prometheus/source" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../prometheus ./cmd/prometheus)
	cp tests/compose/prometheus/Dockerfile "$work/prometheus/"
	build -t "$1" "$work/prometheus" >/dev/null
}
jaeger() {
	mkdir -p "$work/jaeger/tmp"
	from_module "$work/jaeger" github.com/jaegertracing/jaeger@v1.74.0 # v2.11.0
	(cd "$work/jaeger/source" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../jaeger ./cmd/jaeger)
	cp tests/compose/jaeger/Dockerfile "$work/jaeger/"
	build -t "$1" "$work/jaeger" >/dev/null
}
nats_exporter() {
	mkdir -p "$work/natsexporter"
	CGO_ENABLED=0 go build -o "$work/natsexporter/" ./tests/compose/natsexporter
	cp tests/compose/natsexporter/Dockerfile "$work/natsexporter/"
	build -t "$1" "$work/natsexporter" >/dev/null
}
postgres_exporter() {
	mkdir -p "$work/postgresexporter/root"
	(cd "$work/postgresexporter" && apt-get download prometheus-postgres-exporter libc6 >/dev/null 2>&1 &&
		for package in *.deb; do dpkg -x "$package" root; done)
	cp tests/compose/postgresexporter/Dockerfile "$work/postgresexporter/"
	build -t "$1" "$work/postgresexporter" >/dev/null
}
image() { sed -n "s|^ *image: \(.*$1:.*\)|\1|p" deploy/compose/compose.yaml | head -n 1; }
