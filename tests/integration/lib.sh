# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every integration test shares; sourced first, not run. A test is a bash script that says what it checks:
#
#	. "$(dirname "$0")/lib.sh"
#	need_root
#	need runc jq
#	make_sim h200x8 "$T/host"
#	check 'inject exits 0' nvbind inject --root "$T/host" --gpu 2 --bundle "$T/bundle"
#	is 'one GPU node' 1 "$(jq '...' "$T/bundle/config.json")"
#
# It runs under set -euo pipefail, gets a directory of its own in $T, and ends with 0 when every check passed, 1 when
# one failed or none was made, 77 when skipped. At its end, however it comes, deferred commands run last first, what
# was mounted below $T is unmounted and $T is removed. Checks may be made in subshells and in other namespaces: they
# are counted in a file.

set -euo pipefail

NVB_SOURCE=${NVB_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
NVB_BUILD=${NVB_BUILD:-$NVB_SOURCE/build}
PATH=$NVB_BUILD/bin:$PATH
export NVB_SOURCE NVB_BUILD PATH
# A test says itself what it wants from the environment.
unset NVBIND_ROOT NVBIND_LOG BOLT_GPU_RUNTIME NO_COLOR NOTIFY_SOCKET LISTEN_FDS LISTEN_PID
umask 022

T=$(mktemp -d "${TMPDIR:-/tmp}/nvb-test.XXXXXXXX")
export T
LIB_RESULTS=$T/.results
LIB_DEFERRED=()
LIB_PID=$BASHPID
export LIB_RESULTS
: >"$LIB_RESULTS"

# --- ending ----------------------------------------------------------------------------------------------------------

# defer COMMAND...: runs at the end of the test, whatever happened; last deferred, first run.
defer() {
	[ "$BASHPID" = "$LIB_PID" ] || {
		echo 'defer: only in the test itself, not in a subshell' >&2
		exit 1
	}
	LIB_DEFERRED+=("$(printf '%q ' "$@")")
}

lib_mounts_below() { # DIR: mount points in it, deepest first
	awk -v d="$1/" 'index($5 "/", d) == 1 {print $5}' /proc/self/mountinfo | sort -r
}

lib_end() {
	local status=$? i failed passed m
	[ "$BASHPID" = "$LIB_PID" ] || exit "$status"
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	for ((i = ${#LIB_DEFERRED[@]} - 1; i >= 0; i--)); do
		eval "${LIB_DEFERRED[i]}"
	done
	cd /
	for m in $(lib_mounts_below "$T"); do
		umount -l "$m"
	done
	passed=$(grep -c '^ok' "$LIB_RESULTS")
	failed=$(grep -c '^not ok' "$LIB_RESULTS")
	# Never across a file system that could not be unmounted.
	rm -rf --one-file-system "$T"
	[ "$status" -eq 77 ] && exit 77
	echo "$passed passed, $failed failed"
	if [ "$status" -ne 0 ]; then
		echo "the test ended early with status $status" >&2
	elif [ "$failed" -gt 0 ] || [ "$passed" -eq 0 ]; then
		status=1
	fi
	exit "$status"
}
trap lib_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# skip REASON: the test cannot be run here.
skip() {
	echo "SKIP: $*" >&2
	exit 77
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# need PROGRAM...: skips without one of them; our own must be there.
need() {
	local p
	for p in "$@"; do
		case $p in
		nvbind | bolt | nvbind-hook | nvbind-runtime | nvbind-sim) [ -x "$NVB_BUILD/bin/$p" ] || skip "$p was not built" ;;
		*) command -v "$p" >/dev/null || skip "needs $p" ;;
		esac
	done
}

# Whether what is tested was built with a sanitizer, whose runtime strangers do not link and tracers cannot trace.
is_sanitized() { grep -q __asan_init "$NVB_BUILD/bin/nvbind"; }

# Whether an ordinary user can run what was built: not where the checkout lies below /root, say. Checks that need one are
# left out then.
others_reach_build() {
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$NVB_BUILD/bin/nvbind" 2>/dev/null ||
		{ echo "# left out: an ordinary user cannot reach $NVB_BUILD" && false; }
}

# --- checks ----------------------------------------------------------------------------------------------------------

pass() {
	printf 'ok - %s\n' "$1" | tee -a "$LIB_RESULTS"
}

# fail WHAT [DETAIL...]: counts a failed check and goes on.
fail() {
	printf 'not ok - %s\n' "$1" | tee -a "$LIB_RESULTS"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/    /'
}

# check WHAT COMMAND...: the command must succeed.
check() {
	local what=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		pass "$what"
	else
		fail "$what" "status $status from: $*" "$output"
	fi
}

# is WHAT EXPECTED ACTUAL: equal strings.
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "expected: $2" "got:      $3"
	fi
}

# like WHAT REGEX TEXT: an extended regular expression is found in the text. unlike: it is not.
like() {
	if grep -qE -e "$2" <<<"$3"; then
		pass "$1"
	else
		fail "$1" "no match of: $2" "in: $3"
	fi
}

unlike() {
	if grep -qE -e "$2" <<<"$3"; then
		fail "$1" "unwanted match of: $2" "in: $3"
	else
		pass "$1"
	fi
}

# same_file WHAT A B: equal bytes.
same_file() { check "$1" cmp "$2" "$3"; }

# refuses WHAT STATUS REGEX COMMAND...: exits with that status, prints nothing on stdout and on stderr one line that
# matches: how every program of ours answers bad input.
refuses() {
	local what=$1 want=$2 regex=$3 status=0 out err
	shift 3
	err=$T/.refuses.$BASHPID
	out=$("$@" 2>"$err") || status=$?
	if [ "$status" -ne "$want" ]; then
		fail "$what" "status $status instead of $want from: $*" "$(cat "$err")"
	elif [ -n "$out" ]; then
		fail "$what" "stdout should be empty: $out"
	elif [ "$(wc -l <"$err")" -ne 1 ] || ! grep -qE -e "$regex" "$err"; then
		fail "$what" "stderr should be one line matching: $regex" "$(cat "$err")"
	else
		pass "$what"
	fi
	rm -f "$err"
}

# --- roots, simulated machines ---------------------------------------------------------------------------------------

# make_busybox_root DIR: a root file system of a static busybox alone; no C library.
make_busybox_root() {
	local root=$1 busybox applet
	busybox=$(command -v busybox) || skip "needs busybox-static"
	! ldd "$busybox" >/dev/null 2>&1 || skip "needs busybox-static: $busybox is linked dynamically"
	mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp}
	cp "$busybox" "$root/bin/busybox"
	for applet in $("$busybox" --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
}

# make_glibc_root DIR: busybox and this host's C library.
make_glibc_root() { "$NVB_SOURCE/scripts/make-base-root" "$1"; }

# make_sim SCENARIO DIR: a simulated machine, destroyed at the end of the test.
make_sim() {
	need nvbind-sim
	nvbind-sim create --scenario "$1" "$2"
	defer nvbind-sim destroy "$2"
}

# --- namespaces, cgroups, runtimes -----------------------------------------------------------------------------------

# in_mount_namespace COMMAND...: the command, a function of the test too, in a mount namespace of its own.
in_mount_namespace() {
	local functions
	functions=$(declare -f)
	unshare -m --propagation private bash -c "set -euo pipefail
LIB_PID=none
$functions
\"\$@\"" bash "$@"
}

lib_v1() {
	! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
	"$@"
}

lib_v2() {
	if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
		umount -R /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
	fi
	# crun before 1.9 wants CAP_SYS_RESOURCE for its device program: scripts/test brings a later one.
	[ ! -x "${NVB_TEST_CRUN:-}" ] || ! command -v crun >/dev/null || mount --bind "$NVB_TEST_CRUN" "$(command -v crun)"
	"$@"
}

# Whether a cgroup world can be had here: has_cgroup v1|v2.
has_cgroup() {
	case $1 in
	v1) [ -d /sys/fs/cgroup/devices ] && mountpoint -q /sys/fs/cgroup/devices ;;
	v2) [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || grep -qw cgroup2 /proc/filesystems ;;
	esac
}

# with_cgroup_v1 COMMAND..., with_cgroup_v2 COMMAND...: a mount namespace in which the host is purely that.
with_cgroup_v1() { in_mount_namespace lib_v1 "$@"; }
with_cgroup_v2() { in_mount_namespace lib_v2 "$@"; }

# runtime_works RUNTIME v1|v2: whether it can run a container in that world (crun without CAP_SYS_RESOURCE cannot in
# v2, neither can run where cgroups are closed to us). Tried once per pair and test.
runtime_works() {
	local memo=$T/.works.$1.$2 status=0
	if [ ! -e "$memo" ]; then
		if ! command -v "$1" >/dev/null || ! has_cgroup "$2"; then
			echo "no $1 or no cgroup $2" >"$memo"
		else
			"with_cgroup_$2" lib_try_runtime "$1" >"$memo" 2>&1 || status=$?
			[ "$status" -ne 0 ] || : >"$memo"
		fi
	fi
	[ ! -s "$memo" ]
}

lib_try_runtime() {
	local dir
	dir=$(mktemp -d "$T/try.XXXXXX")
	make_busybox_root "$dir/rootfs"
	make_bundle "$dir" true
	run_bundle "$1" "$dir"
	rm -rf "$dir"
}

# make_bundle DIR COMMAND...: a config.json as `runc spec` writes it, for DIR/rootfs.
make_bundle() {
	local dir=$1
	shift
	mkdir -p "$dir/rootfs"
	(cd "$dir" && rm -f config.json && runc spec)
	# The words go through stdin: jq would take those with a dash for its own options.
	printf '%s\036' "$@" | jq -Rs --tab --slurpfile spec "$dir/config.json" 'split("\u001e")[:-1] as $args
		| $spec[0] | .process.terminal = false | .process.args = $args | .root.readonly = false' \
		>"$dir/config.json.new"
	mv "$dir/config.json.new" "$dir/config.json"
}

# run_bundle RUNTIME DIR: runs it to its end with an id nobody else has; its output and status are ours.
run_bundle() {
	local id status=0
	id=nvb-test-$(basename "$T" | tr . -)-$BASHPID-$RANDOM
	"$1" --root "$T/.$1" run --bundle "$2" "$id" </dev/null || status=$?
	"$1" --root "$T/.$1" delete --force "$id" >/dev/null 2>&1 || true
	# crun leaves its cgroup behind when it dies before the container is made.
	find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null || true
	return "$status"
}
