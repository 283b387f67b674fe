#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime killed at every system call that changes something: config.json is as it was or whole and edited, and
# nothing it leaves is in the way of the next container, that wants the same GPU exclusively. (A draft may stay in the
# bundle, which its engine removes.)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need runc strace bolt
need nvbind-runtime
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
engine_prepare h200x8

calls='openat openat2 mkdirat flock write pwrite64 ftruncate fchmod fchown rename renameat renameat2 link linkat unlink unlinkat
	fsync fdatasync copy_file_range mount execve'
export calls

records() { find "$T/host/run/nvbind/leases/records" -type f; }

# killed_at CALL N: as it enters CALL for the Nth time. False when it got to its end.
killed_at() {
	local s=0
	cp "$T/bundle/asked.json" "$T/bundle/config.json"
	strace -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
		nvbind-runtime create --bundle "$T/bundle" crash >/dev/null 2>&1 </dev/null || s=$?
	[ "$s" -eq 137 ]
}

after_a_kill() {
	if ! cmp -s "$T/bundle/config.json" "$T/bundle/asked.json" && ! cmp -s "$T/bundle/config.json" "$T/bundle/edited.json"; then
		fail "killed at $1: config.json is neither as it was nor edited" "$(head -c 300 "$T/bundle/config.json")"
		return 1
	fi
	[ "$(leases)" = '[]' ] || {
		fail "killed at $1: nobody holds a GPU" "$(leases)"
		return 1
	}
}

world() {
	local call n kills=0 bad=0
	make_bundle "$T/bundle" true
	jq '.process.env += ["NVIDIA_VISIBLE_DEVICES=2"]' "$T/bundle/config.json" >"$T/bundle/asked.json"
	# A runtime that does nothing: one dead at every step, too.
	printf '#!/bin/sh\n' >"$T/after/nothing"
	chmod 755 "$T/after/nothing"
	engine_config nothing
	cp "$T/bundle/asked.json" "$T/bundle/config.json"
	nvbind-runtime create --bundle "$T/bundle" crash
	cp "$T/bundle/config.json" "$T/bundle/edited.json"
	check 'not killed, it edits' test "$(cmp "$T/bundle/edited.json" "$T/bundle/asked.json" 2>&1)"
	for call in $calls; do
		for ((n = 1; n < 200; n++)); do
			killed_at "$call" "$n" 2>/dev/null || break # the shell says that it was killed
			kills=$((kills + 1))
			after_a_kill "$call $n" || bad=$((bad + 1))
		done
	done
	check "killed $kills times" test "$kills" -gt 40
	is 'and never left anything in the way' 0 "$bad"
	engine_config runc
	check 'the GPU can be had exclusively' bolt --root "$T/host" surge run --rm --gpu 2 --isolation exclusive "$T/rootfs" true
	is 'and that has swept the records of the dead' '' "$(records)"
}

for w in v1 v2; do
	if runtime_works runc "$w"; then
		in_world "$w" world
		break
	fi
done
[ -s "$LIB_RESULTS" ] || skip 'runc runs nothing here'
