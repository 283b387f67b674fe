# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of `bolt surge run` share; sourced after lib.sh.

# shellcheck source=tests/integration/user.sh
. "$(dirname "${BASH_SOURCE[0]}")/user.sh"

export BOLT_RUN=/run/bolt BOLT_DATA=/var/lib/bolt

# own_state COMMAND...: in a mount namespace in which bolt's directories are empty and the test's own.
own_state() { in_mount_namespace surge_state "$@"; }

surge_state() {
	mkdir -p /run/bolt /var/lib/bolt
	mount -t tmpfs none /run/bolt
	mount -t tmpfs none /var/lib/bolt
	"$@"
}

# surge ARG...: bolt surge run --rm with $RUNTIME on $ROOT's files.
surge() {
	bolt surge run --rm ${RUNTIME:+--runtime "$RUNTIME"} "$@"
}

# inside [OPTION...] -- COMMAND: a shell command in the container of $ROOT; prints its output, errors included.
inside() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	surge "${options[@]}" "$ROOT" sh -c "$2" 2>&1
}

# status COMMAND...: prints the exit status.
status() {
	local s=0
	"$@" >/dev/null 2>&1 || s=$?
	echo "$s"
}

# settled: once the files of capsules that ended are gone, which happens behind bolt's back.
settled() {
	local i
	for ((i = 0; i < 200; i++)); do
		[ -n "$(ls -A "$BOLT_DATA/trash" 2>/dev/null)" ] || return 0
		sleep 0.02
	done
	return 1
}

# leftovers (an empty workspace/rootfs is where exec starts from): everything that a capsule can leave behind, one line each; nothing when all is clean. Only in own_state.
leftovers() {
	settled || echo "the trash was not emptied"
	find "$BOLT_RUN"/{capsules,runtime,workspace} "$BOLT_DATA"/{capsules,names} \
		-mindepth 1 ! -path "$BOLT_RUN/runtime/*" ! -path "$BOLT_RUN/workspace/rootfs" -print 2>/dev/null
	# crun from 1.9 on keeps filters that it compiled.
	find "$BOLT_RUN/runtime" -mindepth 2 -name .cache -prune -o -mindepth 2 -print 2>/dev/null
	awk -v run="$BOLT_RUN/" -v data="$BOLT_DATA/" 'index($5, run) == 1 || index($5, data) == 1 {print "mount " $5}' \
		/proc/self/mountinfo
}

# cgroups_of ID: control groups of one capsule. Those of others may vanish while it looks.
cgroups_of() { find /sys/fs/cgroup -type d -path "*/bolt/$1*" 2>/dev/null || true; }

# each_world FUNCTION: calls it with RUNTIME set for every runtime and cgroup version that work here.
each_world() {
	local runtime version any=
	for runtime in crun runc; do
		for version in v1 v2; do
			runtime_works "$runtime" "$version" || continue
			any=1
			echo "# $runtime, cgroup $version"
			export RUNTIME=$runtime WORLD="$runtime $version"
			"with_cgroup_$version" surge_state "$@"
		done
	done
	[ -n "$any" ] || skip "neither crun nor runc can run a container here"
}

# is_rootless: whether we are in a world of an ordinary user's.
is_rootless() { [ -n "${ROOTLESS:-}" ]; }

# each_user_world FUNCTION [NAME...]: the same as an ordinary user. The directories that the variables NAME (ROOT
# alone by default) name become images in the user's store, so that their files have the owners they have.
# USER_RUNTIMES says with which runtimes, all by default.
each_user_world() {
	local runtime function=$1 name
	shift
	[ $# -gt 0 ] || set -- ROOT
	has_user || return 0
	for name; do
		tar --numeric-owner -C "${!name}" -cf "$T/$name.tar" .
	done
	for runtime in ${USER_RUNTIMES:-crun runc}; do
		command -v "$runtime" >/dev/null || continue
		echo "# $runtime, without root"
		RUNTIME=$runtime WORLD="$runtime without root" as_user surge_user_state "$function" "$@"
	done
}

surge_user_state() {
	local function=$1 name
	shift
	export ROOTLESS=1 BOLT_RUN=$XDG_RUNTIME_DIR/bolt BOLT_DATA=$HOME/.local/share/bolt RUNTIME WORLD
	cd "$HOME"
	for name; do
		bolt image import "$T/$name.tar" "world/${name,,}" >/dev/null
		export "$name=world/${name,,}"
	done
	"$function"
}
