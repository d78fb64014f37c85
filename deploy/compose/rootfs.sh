#!/bin/sh
# Builds what the image holds into a directory: the static program, as /orchestrix, the list of what it is made of, and what a
# program expects of a file system. The Dockerfile runs it; run by hand, it makes what the stage "prebuilt" takes.
# usage: deploy/compose/rootfs.sh DIR    VERSION=… and REVISION=… set what `version` prints; otherwise git is asked
set -eu
cd "$(dirname "$0")/../.."
out=$1
sbom=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

mkdir -p "$out/etc/ssl/certs" "$out/usr/share/sbom"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/orchestrix-go/orchestrix/shared/build.version=${VERSION:-} -X github.com/orchestrix-go/orchestrix/shared/build.commit=${REVISION:-}" -o "$out/orchestrix" ./cmd/orchestrix
CGO_ENABLED=0 go run "$sbom" bin -json -output "$out/usr/share/sbom/orchestrix.cdx.json" "$out/orchestrix"
echo 'orchestrix:x:65532:65532::/:/nonexistent' >"$out/etc/passwd"
echo 'orchestrix:x:65532:' >"$out/etc/group"
# For NATS, Postgres or a collector elsewhere, whose certificates the public authorities have signed.
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
	cp -L /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/"
fi
