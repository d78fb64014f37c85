#!/usr/bin/env bash
# Tries deploy/compose for real: builds the images, brings the stack up with what observes it, sends the Northwind orders
# and transfers of money, kills containers, and compares the totals each time; then the same on three NATS servers. It
# holds Prometheus to what dashboards and alerts ask of it, and looks for traces in Jaeger. Grafana is started only where
# its image can be fetched: it can't be built from a module of Go, nor is it in Debian. lib.sh says what it installs and builds.
#
# usage: tests/compose/test.sh [COMMANDS.ndjson]    KEEP=1 leaves everything running
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/compose/lib.sh
commands=${1:-${NORTHWIND_COMMANDS:-../shared/data/northwind/commands.ndjson}}
work=$(mktemp -d /tmp/orchestrix-compose-XXXXXX)
compose() { "${compose[@]}" -f deploy/compose/compose.yaml --env-file "$work/env" "$@"; }
clean() { rm -rf deploy/compose/keys.test; }
trap finish EXIT

[ -f "$commands" ] || skip "$commands, the orders, are not there: name the file"
need_docker

say "building our image"
VERSION=test deploy/compose/rootfs.sh dist/rootfs 2>/dev/null
build -f deploy/compose/Dockerfile -t orchestrix:test --build-arg BINARIES=prebuilt --build-arg VERSION=test . >/dev/null
standin "$(image nats)" nats
standin "$(image postgres)" postgres
standin "$(image prometheus)" prometheus
standin "$(image jaeger)" jaeger
standin "$(image prometheus-nats-exporter)" nats_exporter
standin "$(image postgres-exporter)" postgres_exporter

say "up"
cat >"$work/env" <<-EOF
	ORCHESTRIX_KEYS=./keys.test
	COMPOSE_PROJECT_NAME=orchestrix-test
	ORCHESTRIX_VERSION=test
	COMMAND_PORT=${COMMAND_PORT:-18080}
	QUERY_PORT=${QUERY_PORT:-18081}
	PROMETHEUS_PORT=${PROMETHEUS_PORT:-19090}
	JAEGER_PORT=${JAEGER_PORT:-26686}
	GRAFANA_PORT=${GRAFANA_PORT:-13000}
	OTEL_TRACES_EXPORTER=otlp
EOF
services=(nats postgres command projection process query)
observers=(nats-exporter postgres-exporter prometheus jaeger)
up() { compose up --detach --no-build --wait --wait-timeout 300 "${services[@]}" "$@"; }
if docker pull -q "$(image grafana)" >/dev/null 2>&1; then
	observers+=(grafana)
else
	say "Grafana is left out: its image can't be fetched, and nothing is here to build one from"
fi
up "${observers[@]}"
prometheus_url=http://127.0.0.1:${PROMETHEUS_PORT:-19090} jaeger_url=http://127.0.0.1:${JAEGER_PORT:-26686}
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

# transfer moves money from one account to another, which the process service does, and waits until it has arrived. The
# accounts then hold what all transfers so far come to.
transfers=0
transfer() {
	transfers=$((transfers + 1))
	if [ $transfers = 1 ]; then
		order account/ada/open '{"owner":"Ada","currency":"EUR"}'
		order account/bob/open '{"owner":"Bob","currency":"EUR"}'
		order account/ada/deposit '{"amount":"100"}'
	fi
	order "transfer/t-$transfers/request" '{"from":"ada","to":"bob","amount":"1","currency":"EUR"}'
	for _ in $(seq 120); do
		got=$(curl -sf "$query_url/v1/views/transfers/t-$transfers" "$query_url/v1/views/account-balance/bob" "$query_url/v1/views/bank-total/EUR" || true)
		case $got in
		*'"status":"completed"'*"\"balance\":\"$transfers.0000\""*'"total":"100.0000"'*'"in_flight":"0.0000"'*) say "$transfers transfers" && return ;;
		esac
		sleep 1
	done
	say "after $transfers transfers: $got"
	return 1
}
# late has a deadline pass: the process service asks an account for money, and no command service is there to answer.
late() {
	say "a transfer without an answer"
	compose stop process
	order transfer/late/request '{"from":"ada","to":"bob","amount":"1","currency":"EUR"}'
	compose stop command
	compose start process
	for _ in $(seq 120); do
		curl -sf "$prometheus_url/api/v1/query?query=orchestrix_deadlines_fired_total" | grep -q '"process":"transfer"' && break
		sleep 1
	done
	compose start command
	for _ in $(seq 120); do
		got=$(curl -sf "$query_url/v1/views/transfers/late" || true)
		case $got in *'"status":"failed"'*debit-not-answered*) return ;; esac
		sleep 1
	done
	say "the unanswered transfer is $got"
	return 1
}
order() { curl -sSf --retry 10 --retry-all-errors -H 'Content-Type: application/json' -H "Idempotency-Key: ${1//\//-}" -d "$2" "$command_url/v1/commands/$1" >/dev/null; }

# observed holds Prometheus to what dashboards and alerts use, and waits until Jaeger has a trace of every service.
observed() {
	ORCHESTRIX_PROMETHEUS=$prometheus_url go test -count=1 -v -run TestAPrometheusHasWhatIsUsed ./deploy/observe/generate >&2
	for _ in $(seq 60); do
		together=$(curl -sf "$jaeger_url/api/traces?service=orchestrix-command&limit=200&lookback=1h" | python3 -c '
import json, sys
for trace in json.load(sys.stdin)["data"]:
    print(*sorted({p["serviceName"] for p in trace["processes"].values()}))' | sort | uniq -c || true)
		case $together in *command*process*projection*) say "traces in Jaeger, by service:"$'\n'"$together" && return ;; esac
		sleep 1
	done
	say "no trace goes through the services: $together"
	return 1
}

# servers_seen waits until Prometheus has the figures of so many NATS servers.
servers_seen() {
	for _ in $(seq 120); do
		got=$(curl -sf "$prometheus_url/api/v1/query?query=count(gnatsd_varz_connections)" | python3 -c '
import json, sys
for sample in json.load(sys.stdin)["data"]["result"]: print(sample["value"][1])' || true)
		[ "$got" = "$1" ] && say "Prometheus sees $1 NATS servers" && return
		sleep 1
	done
	say "Prometheus sees ${got:-no} NATS servers"
	return 1
}

# healthy waits until every container that keeps running is healthy.
healthy() {
	for _ in $(seq 120); do
		[ -z "$(compose ps --format '{{.Name}} {{.Health}}' "${services[@]}" | grep -v ' healthy$')" ] && return
		sleep 1
	done
	compose ps >&2
	return 1
}

# round sends everything, and looks at what has become of it.
round() {
	send
	check
	transfer
}

# kill kills a service and waits until it works again.
kill_service() {
	say "killing $1"
	ids=$(compose ps --quiet "$1")
	# shellcheck disable=SC2086 # there may be several
	docker kill $ids >/dev/null
	# shellcheck disable=SC2086 # the engine starts nothing again that was killed by hand
	docker start $ids >/dev/null
	healthy
	round
}

round
compose run --rm --no-deps tool verify --sample 0
ask_services
for service in "${services[@]}"; do kill_service "$service"; done
late
round
observed
servers_seen 1
say "all containers down and up again, with their volumes"
compose --profile '*' down --timeout 40
up
check
transfer
compose run --rm --no-deps tool verify --sample 0

say "three NATS servers"
compose --profile '*' down --volumes --timeout 40
cat >>"$work/env" <<-EOF
	ORCHESTRIX_REPLICAS=3
	OTEL_TRACES_EXPORTER=none
EOF
services+=(nats-2 nats-3) transfers=0
up nats-exporter nats-exporter-2 nats-exporter-3 prometheus
round
servers_seen 3
for service in nats nats-2 nats-3 process; do kill_service "$service"; done
compose run --rm --no-deps tool verify --sample 0
say "passed"
