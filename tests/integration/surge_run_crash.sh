#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run, killed at every step: the system call at which it is killed moves on from run to run, over those
# that change something on the host. Whatever the killed one left, the next start removes, and works.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc strace
# LeakSanitizer, where bolt is built with it, cannot work in a process that is traced.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

export ROOT=$T/root
make_busybox_root "$ROOT"

# What changes the host: once bolt is killed before any of them, it has been killed at every state it can leave.
calls='mkdir mkdirat mount fsopen fsconfig fsmount move_mount unshare flock symlink symlinkat rename renameat clone clone3 vfork
	fork umount2 rmdir unlink unlinkat write signalfd4 pipe2 poll wait4'
export calls

# killed_at CALL N: runs bolt (its children are not traced) and kills it as it enters CALL for the Nth time. False
# when it got to its end.
killed_at() {
	local s=0
	strace -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
		bolt surge run --rm --runtime "$RUNTIME" --name crash "$ROOT" sleep 0.02 >/dev/null 2>&1 </dev/null || s=$?
	[ "$s" -eq 137 ]
}

# groups ID...: control groups of these capsules.
groups_of_all() {
	local id
	for id in "$@"; do
		cgroups_of "$id"
	done
}

# gone PID: ended, though whoever adopted it may not have asked yet.
gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

after_a_kill() {
	local ids left
	ids=$(ls "$BOLT_RUN"/capsules)
	if ! surge --name crash "$ROOT" true >"$T/next" 2>&1; then
		fail "$WORLD: killed at $1: the next one runs" "$(cat "$T/next")"
		return 1
	fi
	# shellcheck disable=SC2086 # a list of words
	left=$(
		leftovers
		groups_of_all $ids
	)
	[ -n "$left" ] || return 0
	fail "$WORLD: killed at $1: nothing is left" "$left"
	return 1
}

world() {
	local call n kills=0 bad=0
	# Once for the runtimes' probe, so that what follows is a capsule's own.
	is "$WORLD: runs at all" 0 "$(status surge "$ROOT" true)"
	for call in $calls; do
		# poll and wait4 come as often as time will have it.
		for ((n = 1; n < 40; n++)); do
			killed_at "$call" "$n" 2>/dev/null || break
			kills=$((kills + 1))
			after_a_kill "$call $n" || bad=$((bad + 1))
		done
	done
	is "$WORLD: killed $kills times, the next start cleans up and works each time" 0 "$bad"
	like "$WORLD: these were many" '^[0-9]{2,}$' "$kills"

	# A bolt killed while its container runs: the container goes with the next start.
	# Without root it belongs to an id of which only the owner of its user namespace is master.
	bolt surge run --rm --runtime "$RUNTIME" ${ROOTLESS:+-u 1000} "$ROOT" sleep 1000 &
	local pid=$! i init
	for ((i = 0; i < 100; i++)); do
		! ls "$BOLT_RUN"/capsules/*/init >/dev/null 2>&1 || break
		sleep 0.05
	done
	init=$(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/init)
	kill -KILL "$pid"
	wait "$pid" || true
	check "$WORLD: a container outlives a killed bolt" test -d "/proc/$init"
	is "$WORLD: the next start" 0 "$(status surge "$ROOT" true)"
	check "$WORLD: ends it" gone "$init"
	is "$WORLD: and removes it" '' "$(leftovers)"

	# Two at once do not take each other for dead.
	bolt surge run --rm --runtime "$RUNTIME" "$ROOT" sh -c 'sleep 0.6; exit 5' &
	pid=$!
	for i in 1 2 3 4; do
		[ "$(status surge "$ROOT" true)" = 0 ] || fail "$WORLD: one beside another runs"
	done
	i=0
	wait "$pid" || i=$?
	is "$WORLD: a living capsule is left alone" 5 "$i"
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world world
USER_RUNTIMES=crun each_user_world world
