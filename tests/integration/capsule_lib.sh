# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests of detached capsules share; sourced after surge.sh.

# made NAME OPTION... -- COMMAND...: creates a capsule of $ROOT's files with $RUNTIME.
made() {
	local name=$1
	shift
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	bolt capsule create "$name" --image "$ROOT" ${RUNTIME:+--runtime "$RUNTIME"} "${options[@]}" "$@" >/dev/null
}

# started NAME OPTION... -- COMMAND...: and starts it.
started() {
	made "$@"
	bolt capsule start "$1" >/dev/null
}

# until_true COMMAND...: tries again for ten seconds.
until_true() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

logs() { bolt capsule logs "$@"; }

# supervisor NAME: its process.
supervisor() { sed -n 's/^pid //p' "$BOLT_RUN/capsules/$(bolt capsule inspect "$1" | jq -r '.[0].id')/record"; }

gone() { bolt capsule rm -f "$@" >/dev/null; }
