#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Detached capsules whose programs mean harm: floods, endless answers, what they find open.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/network.sh"
. "$(dirname "$0")/capsule_lib.sh"
need_root
need bolt busybox jq runc timeout

export ROOT=$T/root
make_busybox_root "$ROOT"

flooded() { timeout 20 bolt capsule inspect "$1" | jq -e '.[0].health.FailingStreak >= 1'; }

# A check that never stops writing is ended by its time-out, and its supervisor does what it is told.
health_flood() {
	started box --health-cmd 'yes a & yes b & yes c & yes d & yes e & yes f & wait' --health-interval 100ms --health-timeout 500ms --health-retries 1 -- sleep 1000
	check "$WORLD: a check that floods is a failure in time" until_true flooded box
	like "$WORLD: whose output is kept in part" '^[0-9]+$' "$(bolt capsule inspect box | jq '.[0].health.Log[0].Output | length')"
	check "$WORLD: its capsule can be stopped" timeout 20 bolt capsule stop -t 0 box
	gone box
}

# What its program and an exec'ed one have open: the standard streams, and what ls itself opens.
descriptors() {
	started box -- sleep 1000
	is "$WORLD: the first process has three files open" '0 1 2' \
		"$(timeout 20 bolt capsule exec box sh -c 'echo $(ls /proc/1/fd)')"
	is "$WORLD: an exec'ed one those and what it opens itself" '0 1 2 3' \
		"$(timeout 20 bolt capsule exec box ls /proc/self/fd | xargs)"
	bolt capsule stop -t 0 box >/dev/null
	gone box
	for fd in 3 4 5 6 7 8 9 10 11 12; do
		if timeout 20 bolt surge run --rm ${RUNTIME:+--runtime "$RUNTIME"} -w "/proc/self/fd/$fd" "$ROOT" ls -d ../../../../../etc/hostname >"$T/out" 2>&1; then
			fail "$WORLD: descriptor $fd leads out" "$(cat "$T/out")"
		else
			pass "$WORLD: descriptor $fd as working directory is refused"
		fi
	done
}

# More words than a record holds.
long_command() {
	local words
	words=$(head -c 100000 /dev/zero | tr '\0' x)
	check "$WORLD: a long command can be started" started box -- sh -c "sleep 1000; : $words"
	check "$WORLD: is listed" grep -q box <(bolt capsule ps)
	check "$WORLD: and stopped" timeout 20 bolt capsule stop -t 0 box
	check "$WORLD: and removed" gone box
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

# /etc/hosts of a capsule on a bridge is written from outside: inside it is no way to memory of the host.
shared_hosts() {
	started one --network bridge -- sleep 1000
	check "$WORLD: /etc/hosts cannot be grown from inside" test 0 != \
		"$(status bolt capsule exec one dd if=/dev/zero of=/etc/hosts bs=1 count=0 seek=1099511627776)"
	is "$WORLD: and has its size" y "$(bolt capsule exec one sh -c '[ $(stat -c %s /etc/hosts) -lt 4096 ] && echo y')"
	started two --network bridge -- sleep 1000
	like "$WORLD: another's name arrives all the same" two "$(bolt capsule exec one cat /etc/hosts)"
	bolt capsule stop -t 0 one two >/dev/null
	gone one two
}

all() {
	health_flood
	descriptors
	long_command
	[ ! -x /usr/lib/cni/bridge ] && [ ! -x /usr/lib/podman/netavark ] || in_network shared_hosts
}

each_world all
