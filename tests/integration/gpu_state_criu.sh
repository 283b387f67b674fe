#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Why each step is there: a container with GPU memory is saved by a real CRIU and brought back. With all steps it counts on
# and has all of its memory; with any one left out (lock, checkpoint, the threads' freedom to run, restore, unlock) it is
# refused, or the program stands still. No bolt in it.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim nvbind runc jq
criu=${NVB_TEST_CRIU:-$(command -v criu || true)}
[ -x "$criu" ] || skip 'needs criu'
"$criu" check >/dev/null 2>&1 || skip "$criu does not work on this kernel: $("$criu" check 2>&1 | tail -1)"
runtime_works runc v1 || runtime_works runc v2 || skip 'runc works in no world here'
if runtime_works runc v1; then world=with_cgroup_v1; else world=with_cgroup_v2; fi

make_sim h200x8 "$T/host"
root=$T/host
make_glibc_root "$T/base"
cp "$NVB_BUILD/tests/integration/gpu-counter" "$T/base/bin/"
make_bundle "$T/bundle" gpu-counter /state/count 0 16
rm -rf "$T/bundle/rootfs"
mv "$T/base" "$T/bundle/rootfs"
mkdir "$T/state"
# What a container writes to must be a pipe, a terminal or /dev/null for CRIU.
jq --arg s "$T/state" '.process.terminal = false | .mounts += [{destination: "/state", type: "bind", source: $s, options: ["bind", "rw"]}]' \
	"$T/bundle/config.json" >"$T/config" && mv "$T/config" "$T/bundle/config.json"
nvbind inject --root "$root" --gpu 3 --bundle "$T/bundle"
state() { timeout 60 nvbind --root "$root" gpu-state "$@"; }
all() { timeout 60 "$NVB_BUILD/tests/integration/gpu-state" "$root" "$@"; }
used() { LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu "$root/usr/bin/nvidia-smi" -i 3 --query-gpu=memory.used --format=csv,noheader,nounits; }

id=nvb-test-$$-criu
export criu root id
run() { runc --root "$T/runc" "$@"; }
pid() { run state "$id" | jq .pid; }
count() { sed 's/^0*//; s/ .*//' "$T/state/count"; }
field() { cut -d' ' -f"$1" "$T/state/count"; }
# within SECONDS COMMAND...
within() {
	local i
	for ((i = 0; i < $1 * 50; i++)); do
		! "${@:2}" || return 0
		sleep 0.02
	done
	return 1
}
beyond() { [ "$(count)" -gt "$1" ]; }
goes_on() { within 5 beyond "$(count)"; }
stands() {
	local before
	before=$(count)
	sleep 0.3
	[ "$(count)" = "$before" ]
}
looked() { [ "$(field 4)" != "$1" ]; }
whole() {
	local before
	before=$(field 4)
	kill -USR2 "$(pid)"
	within 5 looked "$before"
}
dump() { # [OPTION...]
	rm -rf "$T/images" "$T/work"
	mkdir "$T/images" "$T/work"
	timeout 60 runc --root "$T/runc" --criu "$criu" checkpoint "$@" --image-path "$T/images" --work-path "$T/work" "$id" </dev/null
}
refused() { ! dump; }
back() {
	timeout 60 runc --root "$T/runc" --criu "$criu" restore -d --bundle "$T/bundle" --image-path "$T/images" \
		--work-path "$T/work" "$id" </dev/null >/dev/null 2>&1
}

proof() {
	local p before ids
	# shellcheck disable=SC2064 # now
	trap "run delete --force $id >/dev/null 2>&1 || true" EXIT
	run run -d --bundle "$T/bundle" "$id" </dev/null >/dev/null 2>&1
	within 5 test -s "$T/state/count"
	check 'a container counts on GPU 3' goes_on
	p=$(pid)
	kill -USR1 "$p"
	check 'and changes 5% of its buffer' within 5 test 000001 = "$(field 3)" || true

	# --- steps left out before the processes are saved ---
	refuses 'no lock: the driver refuses the checkpoint' 1 'not in the state' state checkpoint "$p"
	check 'no checkpoint: CRIU fails' refused
	like 'for what is open of the driver' 'nvidia|unix' "$(grep -h Error "$T/work/dump.log")"
	check 'and the container runs on' goes_on
	check 'locked alone' state lock "$p"
	check 'is no help' refused
	check 'it was locked all the time' stands
	run pause "$id"
	refuses 'no freedom to run: the thread cannot move the memory' 1 'stopped or frozen' state checkpoint "$p"
	run resume "$id"
	check 'unlocked' state unlock "$p"
	check 'it counts on' goes_on

	# --- all of them ---
	check 'captured' all capture "$p"
	is 'the GPU is free' 0 "$(used)"
	before=$(count)
	check 'CRIU saves it' dump
	check 'it is gone' within 5 test ! -e "/proc/$p"
	check 'and brings it back' back
	p=$(pid)
	is 'nothing is on the GPU yet' 0 "$(used)"
	check 'no restore: it stands still' stands
	refuses 'and cannot be unlocked' 1 'not in the state' state unlock "$p"
	check 'restore' state restore "$p"
	check 'no unlock: it stands still' stands
	check 'its memory is on the GPU' test "$(used)" -gt 0
	check 'unlock' state unlock "$p"
	check 'it counts on' goes_on
	check 'from where it was' test "$(count)" -gt "$before"
	check 'all of its memory is what it was' whole
	is 'and it knows of the change' 000001 "$(field 3)"
	# --- what is gone on with without the state ---
	check 'captured once more' all capture "$p"
	check 'saved with the container left running' dump --leave-running
	check 'restored where it was' all restore "$p"
	check 'it counts on' goes_on
}
$world proof
