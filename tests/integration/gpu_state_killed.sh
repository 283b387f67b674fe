#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The helper that has libcuda is killed with SIGKILL at every call it makes to two processes, before and after it
# was sent, and so is the program itself: they run on, or can be restored, and nothing is lost.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim nvbind strace
! is_sanitized || skip 'a sanitizer forbids tracing'
programs=$NVB_BUILD/tests/integration
make_sim h200x8 "$T/host"
root=$T/host
started=()
end_all() { [ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null || true; }
defer end_all
count() { sed 's/^0*//; s/ .*//' "$T/$1"; }
for name in a b; do
	LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu "$programs/gpu-counter" "$T/$name" "$((${#started[@]} + 1))" 4 \
		2>"$T/$name.error" &
	started+=($!)
done
for ((i = 0; i < 250; i++)); do [ ! -s "$T/a" ] || [ ! -s "$T/b" ] || break; sleep 0.02; done
all() { timeout 60 "$programs/gpu-state" "$root" "$1" "${started[@]}"; }
# Killed with the Nth of a system call: process_vm_writev writes a request, tgkill sends it.
killed() { # CALL N VERB
	timeout 60 strace -f -qq -o "$T/trace" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
		"$programs/gpu-state" "$root" "$3" "${started[@]}"
}
states() {
	timeout 60 nvbind --root "$root" gpu-state status --format json "${started[@]}" | jq -r '[.[].state] | join(" ")'
}
go_on() {
	local a b i
	a=$(count a) b=$(count b)
	for ((i = 0; i < 250; i++)); do
		[ "$(count a)" -le "$a" ] || [ "$(count b)" -le "$b" ] || return 0
		sleep 0.02
	done
	cat "$T"/*.error
	return 1
}

for call in process_vm_writev tgkill; do
	for n in 1 2 3 4; do
		if killed $call $n capture >"$T/out" 2>&1; then
			fail "capture, $call $n: the helper was killed" "$(cat "$T/trace")"
		fi
		like "capture, $call $n: it is told" 'crashed|cut off' "$(cat "$T/out")"
		like "capture, $call $n: it was killed" 'SIGKILL' "$(cat "$T/trace")"
		# A helper that comes to undo it is killed at the same call of its own; then restore sets them going.
		[ $call = tgkill ] || is "capture, $call $n: undone" 'running running' "$(states)"
		[ $call != tgkill ] || check "capture, $call $n: set going" all restore
		is "capture, $call $n: they run" 'running running' "$(states)"
		check "capture, $call $n: they go on" go_on
	done
	for n in 1 2 3 4; do
		check "restore, $call $n: captured" all capture
		if killed $call $n restore >"$T/out" 2>&1; then
			fail "restore, $call $n: the helper was killed" "$(cat "$T/trace")"
		fi
		unlike "restore, $call $n: none failed" 'failed|none' "$(states)"
		check "restore, $call $n: tried again" all restore
		check "restore, $call $n: they go on" go_on
	done
done

# The program and its helper at once: what is there can be gone on with.
for n in 1 2 3 4; do
	strace -f -qq -o "$T/trace" -e trace=tgkill -e "inject=tgkill:signal=STOP:when=$n" \
		"$programs/gpu-state" "$root" capture "${started[@]}" >/dev/null 2>&1 &
	tracer=$!
	for ((i = 0; i < 250; i++)); do ! grep -q 'SIGSTOP' "$T/trace" 2>/dev/null || break; sleep 0.02; done
	check "both at step $n: it was stopped there" grep -q SIGSTOP "$T/trace"
	caller=$(pgrep -P "$tracer" -x gpu-state | head -1)
	kill -9 "$caller"
	wait "$tracer" 2>/dev/null || true
	: >"$T/trace"
	unlike "both at step $n: none failed" 'failed|none' "$(states)"
	check "both at step $n: set going" all restore
	is "both at step $n: they run" 'running running' "$(states)"
	check "both at step $n: they go on" go_on
done
is 'nothing was lost' '' "$(cat "$T"/*.error)"
