# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of `bolt capsule` share; sourced after surge.sh.

# create NAME [OPTION...] [-- COMMAND...]: a capsule of $ROOT.
create() { bolt capsule create "$1" --image "$ROOT" --runtime "$RUNTIME" "${@:2}"; }

# shown NAME: "name state status" as ps shows it.
shown() {
	bolt capsule ps -a --format json | jq -r --arg n "$1" '.[] | select(.name == $n) | "\(.name) \(.state) \(.status)"'
}

# eventually COMMAND...: once it succeeds; false after ten seconds.
eventually() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

is_in() { [ "$(shown "$1" | cut -d' ' -f2)" = "$2" ]; }
ends() { eventually is_in "$1" exited; }
runs() { eventually is_in "$1" running; }

none_listed() { [ -z "$(bolt capsule ps -aq)" ]; }
nobody() { eventually none_listed; }

in_log() { bolt capsule logs "$1" 2>/dev/null | grep -qE -e "$2"; }
logged() { eventually in_log "$@"; }

in_log_times() { [ "$(bolt capsule logs "$1" 2>/dev/null | grep -cE -e "$2")" -ge "$3" ]; }
logged_times() { eventually in_log_times "$@"; }

# of NAME FILE KEY: what a capsule's record in /run says.
record_of() {
	local id
	id=$(bolt capsule inspect "$1" | jq -r '.[0].id')
	sed -n "s/^$2 //p" "$BOLT_RUN/capsules/$id/record"
}
supervisor_of() { record_of "$1" pid; }
init_of() { bolt capsule inspect "$1" | jq -r '.[0].pid'; }

# limit_of ID FILE: a file of its control group, wherever the host has it.
limit_of() { cat "$(find /sys/fs/cgroup -path "*/bolt/$1/$2" 2>/dev/null | head -n 1)"; }

# has_controllers: whether limits of memory and processes can be had in this world: a hybrid host's v2 has none.
has_controllers() {
	[ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] ||
		[ "$(grep -owE 'memory|pids|freezer' /sys/fs/cgroup/cgroup.controllers | wc -l)" -ge 2 ]
}

# gone PID: ended, though whoever adopted it may not have asked yet.
gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
