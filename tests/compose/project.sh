#!/usr/bin/env bash
# Tries compose.yaml of a generated project for real: a new project, its image, and `docker compose up` without a step before it.
# The first command of the README is answered and its view read, also after all containers were removed and made again with
# the keys and the volumes that are there. lib.sh says what it installs and builds.
#
# usage: tests/compose/project.sh    KEEP=1 leaves everything running
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/compose/lib.sh
work=$(mktemp -d /tmp/orchestrix-project-XXXXXX)
project=$work/shop
compose() { "${compose[@]}" -f "$project/compose.yaml" --env-file "$work/env" "$@"; }
clean() { :; }
trap finish EXIT

need_docker
say "a new project and its image"
go run ./cmd/orchestrix new app "$project" >&2
(cd "$project" && VERSION=1.2.3 REVISION=abc sh deploy/rootfs.sh dist/rootfs && build -t shop:dev --build-arg BINARIES=prebuilt --build-arg VERSION=1.2.3 --build-arg REVISION=abc . >/dev/null)
say "the image has $(docker image inspect --format '{{.Size}}' shop:dev) bytes"
standin "$(image nats)" nats
standin "$(image postgres)" postgres

command_port=${COMMAND_PORT:-28080} query_port=${QUERY_PORT:-28081}
cat >"$work/env" <<-EOT
	COMPOSE_PROJECT_NAME=shop-test
	COMMAND_PORT=$command_port
	QUERY_PORT=$query_port
EOT
up() { compose up --detach --no-build --wait --wait-timeout 300; }
position=0-0 # of the first command: the README shows the one that dev gives
# first prints the first command of the README that begins so, with the ports of this script.
first() {
	awk -v start="$1" 'index($0, start) == 1 { on = 1 } on { print } on && !/\\$/ { exit }' "$project/README.md" |
		sed "s/^curl/curl -sSf/; s/localhost:8080/127.0.0.1:$command_port/; s/localhost:8081/127.0.0.1:$query_port/; s/Position: [0-9-]*/Position: $position/"
}
ask() { bash -c "$(first "$1")"; }

docker run --rm shop:dev /orchestrix version --output json | grep '"version":"1.2.3","commit":"abc"' ||
	{ say "the program in the image does not know its version" && exit 1; }

say "up"
start=$SECONDS
up
answer=$(ask "curl localhost:8080/")
say "the first command is answered after $((SECONDS - start)) s: $answer"
position=$(sed -n 's/.*"position":"\([^"]*\)".*/\1/p' <<<"$answer")
view=$(ask "curl localhost:8081/v1/views")
say "its view: $view"
[ "$(stat -c %a "$project/.keys")" = 700 ] || { say "other users can read the keys" && exit 1; }
compose run --rm --no-deps tool verify --sample 0
ask_services

say "all containers removed and made again"
compose down --timeout 40
up
again=$(ask "curl localhost:8081/v1/views")
[ "$again" = "$view" ] || { say "the view is now $again" && exit 1; }
say "passed"
