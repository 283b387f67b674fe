#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd with nvbind-runtime as its runc, driven by ctr, on cgroup v1 and v2.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need containerd ctr runc
need nvbind-runtime
engine_prepare h200x8

# The namespace is a part of the control group's path.
# Shares of the processor are left alone: on a hybrid host v2 has no such controller.
client() { timeout 120 ctr -a "$T/$WORLD/containerd.sock" -n "$CGROUP" "$@" </dev/null; }
run() { # RUNTIME [OPTION...] -- COMMAND...
	local runtime=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	client run --rm --rootfs --cpu-shares 0 --runc-binary "$runtime" "${options[@]}" "$T/rootfs" "c$RANDOM$RANDOM" "${@:2}"
}
# What `probe` says in a container, by a file: ctr now and then loses the end of what a container prints that is gone at
# once.
probe() { # RUNTIME [OPTION...]
	rm -f "$T/rootfs/tmp/said"
	run "$@" -- /bin/sh -c '/bin/probe >/tmp/said' >/dev/null
	cat "$T/rootfs/tmp/said"
}
shim() { run "$NVB_BUILD/bin/nvbind-runtime" --env "NVIDIA_VISIBLE_DEVICES=$1" "${@:2}"; }
asked() { probe "$NVB_BUILD/bin/nvbind-runtime" --env "NVIDIA_VISIBLE_DEVICES=$1"; }

world() {
	local id
	start_containerd "$T/$WORLD"
	run runc -- /bin/true || { fail "$WORLD: containerd runs no container at all" "$(tail -n 3 "$T/$WORLD/containerd.log")"; return 0; }
	sees 'ctr' 2 "$(asked 2)"
	sees 'ctr, two GPUs' '0 5' "$(asked 0,5)"
	sees 'ctr, all' '0 1 2 3 4 5 6 7' "$(asked all)"
	rm -f "$T/recorded"/*
	sees 'ctr, no GPU asked' '' "$(probe "$T/before/runc")"
	for id in "$T/recorded"/*.before; do
		same_file "$WORLD: no GPU asked, config.json is untouched" "$id" "${id%.before}.after"
	done
	one_line 'a GPU that is not there' 'no such GPU: 99' shim 99 -- /bin/true
	is "$WORLD: the refused leave no lease" '[]' "$(leases)"

	client run -d --rootfs --cpu-shares 0 --runc-binary "$NVB_BUILD/bin/nvbind-runtime" --env NVIDIA_VISIBLE_DEVICES=3 \
		"$T/rootfs" life /bin/sleep 1000
	client task exec --exec-id e life /bin/sh -c '/bin/probe >/tmp/said' >/dev/null
	sees 'ctr task exec' 3 "$(cat "$T/rootfs/tmp/said")"
	is "$WORLD: its GPU is leased to it" 'shared 3 life' "$(leases | jq -r '.[] | "\(.mode) \(.devices[].id) \(.container)"')"
	is "$WORLD: for as long as it runs" "$(client task ls | awk '$1 == "life" {print $2}')" "$(leases | jq '.[].process')"
	client task kill -s KILL life
	client task delete life >/dev/null 2>&1 || true
	eventually "$WORLD: and no longer" '[]' leases
	client container delete life
}

for w in $(worlds); do
	if runtime_works runc "$w"; then
		in_world "$w" world
	else
		echo "# left out: $(cat "$T/.works.runc.$w")"
	fi
done
