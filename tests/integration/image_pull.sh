#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt image pull against a real registry on loopback: layers are moved and unpacked once, and every way a pull can fail
# ends with one line and nothing left behind.
. "$(dirname "$0")/lib.sh"
need_root
need skopeo python3 jq zstd curl
registry=$(command -v docker-registry || command -v "${NVB_TEST_REGISTRY:-docker-registry}" || true)
[ -n "$registry" ] || skip "needs docker-registry, or its path in NVB_TEST_REGISTRY"
image=$NVB_BUILD/tools/bolt-image
layout=$NVB_SOURCE/tests/integration/oci_layout.py
S=$T/store

img() {
	local verb=$1
	shift
	"$image" "$verb" --store "$S" "$@"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$T/registry.yml" <<END
version: 0.1
log: {accesslog: {disabled: false}, level: warn}
storage: {filesystem: {rootdirectory: $T/registry}, delete: {enabled: true}}
http: {addr: 127.0.0.1:$port}
END
"$registry" serve "$T/registry.yml" >"$T/access" 2>"$T/registry.log" &
defer kill $!
for _ in $(seq 100); do
	curl -s -o /dev/null "http://127.0.0.1:$port/v2/" && break
	sleep 0.1
done
hub=127.0.0.1:$port

# publish NAME LAYERS.json: builds an image and pushes it.
publish() {
	rm -rf "$T/layout"
	"$layout" "$T/layout" "$2"
	skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$T/layout:image" "docker://$hub/$1"
}

cat >"$T/one.json" <<'END'
{"config": {"Cmd": ["/bin/sh"], "Env": ["A=1"]}, "layers": [
  [{"name": "shared", "size": 3000000}], [{"name": "one", "data": "1"}]]}
END
cat >"$T/two.json" <<'END'
{"layers": [[{"name": "shared", "size": 3000000}], [{"name": "two", "data": "2"}]]}
END
publish test/one:1 "$T/one.json"
publish test/two:1 "$T/two.json"

# --- pulls that work -------------------------------------------------------------------------------------------------

check 'pull' img pull --tls-verify=false "$hub/test/one:1"
is 'its configuration' '["/bin/sh"] ["A=1"]' "$(img inspect "$hub/test/one:1" | jq -cr '.[0].config.config | "\(.Cmd) \(.Env)"')"
is 'two layers' 2 "$(ls "$S/layers" | wc -l)"
shared=$(jq -r '.layers[0].digest' "$S"/images/*/manifest.json)
: >"$T/access"
check 'pull of an image that shares a layer' img pull --tls-verify=false "$hub/test/two:1"
is 'one layer more' 3 "$(ls "$S/layers" | wc -l)"
is 'the shared one was not moved again' 0 "$(grep -c "GET /v2/test/two/blobs/$shared" "$T/access" || true)"
is 'archives cost no disk' 0 "$(du -s "$S/blobs/sha256" | awk '{print ($1 > 8)}')"
check 'pull again' img pull -q --tls-verify=false "$hub/test/one:1"
rm -rf "$S/layers/$(jq -r '.rootfs.diff_ids[0]' "$S"/images/*/config.json | head -n 1 | cut -c8-)"
check 'pull mends a store that has lost a layer' img pull --tls-verify=false "$hub/test/one:1"
is 'it is there again' 3 "$(ls "$S/layers" | wc -l)"
digest=$(skopeo inspect --tls-verify=false "docker://$hub/test/one:1" | jq -r .Digest)
check 'pull by digest' img pull --tls-verify=false "$hub/test/one@$digest"
is 'nothing half-done is left' '' "$(ls "$S/tmp")"
img prune -a >/dev/null
for _ in 1 2 3 4; do
	"$image" pull --store "$S" --tls-verify=false "$hub/test/one:1" >/dev/null 2>>"$T/parallel" &
	pids+=($!)
done
status=0
for p in "${pids[@]}"; do wait "$p" || status=1; done
is 'four pulls of one image at once' 0 "$status"
is 'make one image' '1 2' "$(ls "$S/images" | wc -l) $(ls "$S/layers" | wc -l)"

# --- pulls that fail -------------------------------------------------------------------------------------------------

# fails WHAT REGEX ARGUMENT...: a pull that must fail with one line and change nothing.
fails() {
	local what=$1 regex=$2 before
	shift 2
	before=$(find "$S" -path "$S/tmp" -prune -o -print | sort)
	refuses "$what" 1 "$regex" img pull --tls-verify=false "$@"
	is "$what: nothing half-done" '' "$(ls "$S/tmp")"
	is "$what: the store is as it was" "$before" "$(find "$S" -path "$S/tmp" -prune -o -print | sort)"
}
fails 'a name that does not exist' 'pulling .*/test/none:1: .*(manifest|name) unknown' "$hub/test/none:1"
fails 'a tag that does not exist' 'manifest unknown' "$hub/test/one:2"
fails 'a registry that does not answer' 'connection refused' 127.0.0.1:1/x:1
fails 'a digest that does not exist' 'manifest unknown' "$hub/test/one@sha256:$(printf '%064d' 0)"
refuses 'TLS is demanded unless switched off' 1 'HTTP response to HTTPS|http: server gave' img pull "$hub/test/one:1"

blob() { echo "$T/registry/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }
cat >"$T/bad.json" <<'END'
{"layers": [[{"name": "bad", "size": 500000}]]}
END
publish test/bad:1 "$T/bad.json"
bad=$(skopeo inspect --raw --tls-verify=false "docker://$hub/test/bad:1" | jq -r '.layers[0].digest')
cp "$(blob "$bad")" "$T/blob"
printf 'X' | dd of="$(blob "$bad")" bs=1 seek=1000 conv=notrunc 2>/dev/null
fails 'a blob with a wrong digest' '[Dd]igest did not match|did not match' "$hub/test/bad:1"
head -c 100000 "$T/blob" >"$(blob "$bad")"
fails 'a truncated blob' 'pulling .*(unexpected EOF|digest|match|length|EOF)' "$hub/test/bad:1"
rm "$(blob "$bad")"
fails 'a blob that is gone' 'pulling .*(unknown|404|not found)' "$hub/test/bad:1"

mkdir "$T/small"
mount -t tmpfs -o size=2m tmpfs "$T/small"
refuses 'a full disk' 1 'pulling .*no space left on device' \
	"$image" pull --store "$T/small/store" --tls-verify=false "$hub/test/one:1"
is 'a full disk: nothing left' '' "$(ls "$T/small/store/tmp" "$T/small/store/layers" "$T/small/store/images" | grep -v ':$' | grep .)"
umount "$T/small"
mount -t tmpfs -o size=4m tmpfs "$T/small"
refuses 'a disk that fills while unpacking' 1 'pulling .*[Nn]o space left on device' \
	"$image" pull --store "$T/small/store" --tls-verify=false "$hub/test/one:1"
is 'a disk that fills: nothing left' '' "$(ls "$T/small/store/tmp" "$T/small/store/layers" "$T/small/store/images" | grep -v ':$' | grep .)"
umount "$T/small"

img prune -a >/dev/null
for delay in 0.01 0.03 0.05 0.08 0.1 0.15 0.2; do
	"$image" pull --store "$S" --tls-verify=false "$hub/test/one:1" >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	img prune -a >/dev/null
	is "a pull killed after $delay s: the next command leaves nothing of it" '' \
		"$(ls "$S/layers" "$S/images" "$S/refs" "$S/tmp" "$S/blobs/sha256" | grep -v ':$' | grep .)"
done
check 'and the next pull works' img pull --tls-verify=false "$hub/test/one:1"
"$image" pull --store "$S" --tls-verify=false "$hub/test/two:1" >/dev/null 2>"$T/stopped" &
pid=$!
sleep 0.05
kill -INT "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
is 'a pull that is interrupted leaves nothing at all' '' "$(ls "$S/tmp")"
