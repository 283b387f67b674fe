# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the suites of hostile images share; sourced by run after tests/integration/lib.sh. A suite is a table of cases:
#
#	hostile NAME 'GUARD...' EXPECTED <<'END'
#	commands that make the image hostile, in its root directory
#	then
#	commands that must succeed afterwards
#	END
#
# Every case starts from a fresh copy of a good image and is run twice: as it is, and with openat2 answered by ENOSYS.
# The suite's function `attack` runs the program, by way of `attempt`. EXPECTED says how the program is documented to end:
#
#	done           status 0 without a word, its work done: the suite's `work_done` says what that is
#	left:REGEX     status 0; a line of its own that matches says what was left out
#	fails:REGEX    the suite's $FAILS; one line that matches says why
#	any            one of these: a race decides
#
# However it ends: nothing outside of the container has changed in anything that can be told of a file, nothing hangs
# (a watchdog, no measurement), no process and no mount is left, and stderr is lines of the program's own.
#
# GUARD names what keeps the case harmless (src/base/guard.h); `run --guard NAME` switches it off in the programs of
# tests/hostile/guarded and runs its cases, at least one of which must fail then. A guard written walk-... is one of the
# second run.
#
# Variables a case may use: $ROOT its root, $BUNDLE what holds it, $OUTSIDE a directory of the host's, $UP the way from
# the root to it ("../outside"), $DISK another one, which lies on the disk where the others lie on a tmpfs; $LIBDIR.

TOOL=$NVB_BUILD/tests/hostile/hostile-tool
EVIL=$NVB_BUILD/tests/hostile/libevil.so
MAKE_LIBRARY=$NVB_BUILD/tests/integration/make-library
LIBDIR=/usr/lib/x86_64-linux-gnu
export LIBDIR

CASE=$T/case
BUNDLE=$CASE/bundle
ROOT=$BUNDLE/rootfs
OUTSIDE=$BUNDLE/outside
UP=../outside
DISK=$T/disk
TEMPLATE=$T/template
export CASE BUNDLE ROOT OUTSIDE UP DISK TEMPLATE
WATCHDOG=60 # seconds; 5 are enough where a hang is expected
[ -z "${GUARD-}" ] || WATCHDOG=5
FAILS=1
GUARD=${GUARD-}
ONLY=${ONLY-}
case_failed=0

# What an image, or who starts it, may put into an environment: no program of the host may obey.
HOSTILE_ENVIRONMENT=(LD_PRELOAD="$EVIL" LD_AUDIT="$EVIL" LD_LIBRARY_PATH="$OUTSIDE/lib" GCONV_PATH="$OUTSIDE"
	LOCPATH="$OUTSIDE" GLIBC_TUNABLES=glibc.malloc.check=3:glibc.rtld.dynamic_sort=9 MALLOC_PERTURB_=7 PATH="$OUTSIDE:."
	HOME="$OUTSIDE" TMPDIR="$OUTSIDE" XDG_CONFIG_HOME="$OUTSIDE" XDG_RUNTIME_DIR="$OUTSIDE" BASH_ENV="$OUTSIDE/passwd"
	ENV="$OUTSIDE/passwd" IFS=/ HOSTILE_OUTSIDE="$OUTSIDE")

# A program with a sanitizer has a loader, which obeys.
! is_sanitized || HOSTILE_ENVIRONMENT=(PATH="$OUTSIDE:." HOME="$OUTSIDE" TMPDIR="$OUTSIDE" BASH_ENV="$OUTSIDE/passwd")

# --- the image -------------------------------------------------------------------------------------------------------

# Called once: a good image, and the host around it. On a tmpfs, where a hundred thousand files are soon made.
make_template() {
	mkdir "$CASE"
	mount -t tmpfs tmpfs "$CASE"
	chmod 711 "$T"
	mkdir -p "$TEMPLATE"/rootfs/{etc,lib,lib64,dev,proc,run,tmp,usr/bin,var} "$TEMPLATE/rootfs$LIBDIR" \
		"$TEMPLATE"/outside/{lib,etc,empty}
	"$MAKE_LIBRARY" libimage.so.1 "$TEMPLATE/rootfs$LIBDIR/libimage.so.1"
	"$MAKE_LIBRARY" libsecret.so.1 "$TEMPLATE/outside/lib/libsecret.so.1"
	: >"$TEMPLATE/rootfs/lib64/ld-linux-x86-64.so.2"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$TEMPLATE/rootfs/etc/passwd"
	ldconfig -r "$TEMPLATE/rootfs" 2>/dev/null
	rm -rf "$TEMPLATE"/rootfs/var/*
	"$MAKE_LIBRARY" libcuda.so.1 "$TEMPLATE/rootfs$LIBDIR/libcuda.so.550.54.15"
	for file in ld.so.cache ld-musl-x86_64.path passwd libcuda.so.1 lib/libcuda.so.1 etc/ld.so.cache; do
		echo "precious $file" >"$TEMPLATE/outside/$file"
	done
	mkdir -p "$DISK"/{etc,empty}
	echo 'precious etc/ld.so.cache' >"$DISK/etc/ld.so.cache"
	echo "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}}" >"$TEMPLATE/config.json"
}

fresh_case() {
	"$TOOL" clear "$CASE"/* 2>/dev/null || true
	cp -a "$TEMPLATE" "$BUNDLE"
}

# --- what a case's commands use --------------------------------------------------------------------------------------

link() { # TARGET PATH: a link in the place of whatever is there
	rm -rf "${2:?}"
	ln -s "$1" "$2"
}

# beside TOOL ARGUMENT...: an attacker who works while the program does; ended with the case.
beside() {
	mkfifo "$CASE/ready"
	setsid "$TOOL" "$@" >"$CASE/ready" &
	echo $! >>"$CASE/attackers"
	read -r _ <"$CASE/ready"
	rm "$CASE/ready"
}

# A process with a mount namespace of its own, as a container's first one, until the case has been judged. With
# $CASE/shared, which says "shared", what is mounted so is shared with the host.
# shellcheck disable=SC2046 # a word or none
begin_container() {
	mkfifo "$CASE/ready"
	setsid "$TOOL" contain $(cat "$CASE/shared" 2>/dev/null) >"$CASE/ready" &
	echo $! >"$CASE/container"
	disown
	read -r _ <"$CASE/ready"
	rm "$CASE/ready"
}

# inside COMMAND...: in its mount namespace.
inside() { nsenter --mount="/proc/$(<"$CASE/container")/ns/mnt" "$@"; }

end_container() {
	[ -e "$CASE/container" ] || return 0
	mv "$CASE/container" "$CASE/attackers"
	end_attackers
}

# What a suite wants to hold when its program refused; any status will do.
judge_refusal() { :; }

end_attackers() {
	local pid
	[ -e "$CASE/attackers" ] || return 0
	while read -r pid; do
		kill -KILL "$pid"
		# It is an orphan, which its new parent may let lie.
		until [[ $(cat "/proc/$pid/stat" 2>/dev/null || echo 'gone) Z ') == *') Z '* ]]; do sleep 0.005; done
	done <"$CASE/attackers"
	rm "$CASE/attackers"
}

# runs COUNT: the program is run that often, over what the run before left, as a race needs it.
runs() { echo "$1" >"$CASE/runs"; }

# in_namespace [MOUNTS]: the program runs in a mount namespace of its own, as a createContainer hook does, and leaves so
# many mounts there.
in_namespace() { echo "${1:-0}" >"$CASE/namespace"; }

# argument WORD...: more for the program's command line.
argument() { printf '%s\n' "$@" >>"$CASE/arguments"; }

# below PROGRAM ARGUMENT...: what runs the program (unshare, say).
below() { printf '%s\n' "$@" >"$CASE/below"; }

# leave_out REASON: a case that cannot be set up on this host (a flag the file system lacks).
leave_out() {
	echo "$*" >"$CASE/left-out"
	exit 0
}

# --- running ---------------------------------------------------------------------------------------------------------

# attempt [OPTION...] [NAME=VALUE...] PROGRAM...: for the suites' attack.
attempt() {
	local options=(--seconds "$WATCHDOG" --facts "$CASE/facts") runs=1
	[ ! -e "$CASE/runs" ] || runs=$(<"$CASE/runs")
	options+=(--runs "$runs")
	[ -z "$BLOCKED" ] || options+=(--no-openat2 "$BLOCKED")
	is_sanitized || options+=(--memory 2048)
	# A descriptor and a working directory of the host's: /proc/self/fd/9 and /proc/self/cwd lead there.
	(cd "$OUTSIDE" && exec "$TOOL" attempt "${options[@]}" "$@") >"$CASE/stdout" 2>"$CASE/stderr" 9<"$OUTSIDE"
}

canary() { "$TOOL" canary --except "$ROOT" "$BUNDLE" "$DISK"; }

# commands TEXT: a case's commands, in its root, ended by the first that fails; leaves their status in $commands_status.
# Not for use in a condition: bash would go on behind a command that failed.
commands() {
	set +e
	(
		set -e
		cd "$ROOT"
		eval "$1"
	) >"$CASE/said" 2>&1 </dev/null
	commands_status=$?
	set -e
}

wrong() { # WHY
	case_failed=1
	[ -n "$GUARD" ] || printf '    %s\n' "$1"
}

# As documented: the exit status, and one line of the program's own.
judge_end() { # EXPECTED STATUS
	local said
	said=$(<"$CASE/stderr")
	[ ! -s "$CASE/stdout" ] || wrong "it printed on stdout: $(head -c 300 "$CASE/stdout")"
	! grep -qvE "^(${SAYS:?}): [^[:cntrl:]]*$" "$CASE/stderr" || wrong "not lines of its own: $said"
	case $1 in
	done)
		[ "$2" = 0 ] || wrong "status $2 instead of 0: $said"
		[ -z "$said" ] || wrong "it should be silent: $said"
		work_done || wrong "the work was not done"
		;;
	left:*)
		[ "$2" = 0 ] || wrong "status $2 instead of 0: $said"
		grep -qE -e "${1#left:}" "$CASE/stderr" || wrong "no line says ${1#left:}: $said"
		;;
	fails:*)
		[ "$2" = "$FAILS" ] || wrong "status $2 instead of $FAILS: $said"
		[ "$(wc -l <"$CASE/stderr")" = 1 ] || wrong "not one line: $said"
		grep -qE -e "${1#fails:}" "$CASE/stderr" || wrong "no line says ${1#fails:}: $said"
		;;
	any)
		[ "$2" = 0 ] || [ "$2" = "$FAILS" ] || wrong "status $2: $said"
		;;
	*) wrong "the table says '$1'" ;;
	esac
}

judge_facts() {
	local status hangs left mounts execs forks seccomp no_new_privs fact
	for fact in $(<"$CASE/facts"); do
		local "${fact?}"
	done
	[ "$hangs" = 0 ] || wrong "it hangs"
	[ "$left" = 0 ] || wrong "$left of its processes are left"
	judge_process || true
}

# once EXPECTED: one run of the case in $case_setup and $case_then.
once() {
	local before after
	fresh_case
	commands "$case_setup"
	if [ "$commands_status" != 0 ]; then
		wrong "its commands fail: $(tail -n 3 "$CASE/said")"
		return
	fi
	if [ -e "$CASE/left-out" ]; then
		echo "# left out: $(<"$CASE/left-out")"
		return
	fi
	before=$(canary)
	attack || wrong "attack: $(cat "$CASE/stderr")"
	end_attackers
	after=$(canary)
	[ "$before" = "$after" ] || wrong "outside was touched: $(diff <(echo "$before") <(echo "$after") | head -n 6)"
	[ -s "$CASE/facts" ] || {
		end_container
		return
	}
	judge_facts
	[ "$(sed 's/status=\([0-9]*\) .*/\1/' "$CASE/facts")" = 0 ] || judge_refusal || true
	judge_end "$1" "$(sed 's/status=\([0-9]*\) .*/\1/' "$CASE/facts")"
	if [ -n "$case_then" ]; then
		commands "$case_then"
		[ "$commands_status" = 0 ] || wrong "afterwards: $(tail -n 3 "$CASE/said")"
	fi
	end_container
}

# hostile NAME GUARDS EXPECTED: the case that is on standard input.
hostile() {
	local text guard
	text=$'\n'$(cat)
	# shellcheck disable=SC2053 # a pattern
	[ -z "$ONLY" ] || [[ $1 == $ONLY ]] || return 0
	[ -z "$GUARD" ] || [[ " $2 " == *" $GUARD "* ]] || return 0
	case_setup=${text%%$'\nthen'*}
	[ "$case_setup" != "$text" ] && case_then=${text#*$'\nthen'} || case_then=
	for BLOCKED in '' ENOSYS; do
		[ -z "$GUARD" ] || [[ $GUARD != walk-* ]] || [ -n "$BLOCKED" ] || continue
		case_failed=0
		once "$3"
		if [ "$case_failed" = 0 ]; then
			pass "$1${BLOCKED:+, openat2 blocked}"
		else
			fail "$1${BLOCKED:+, openat2 blocked}"
			[ -z "$GUARD" ] || break
		fi
	done
}
