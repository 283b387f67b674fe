#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Detached capsules and everything that can be killed about them: bolt at every step of create, start and rename, the
# starter, the supervisor (which ends nothing), the container, both at once, and the host as a whole. The next command
# repairs or reports, and works.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
need_root
need bolt busybox jq runc strace
# LeakSanitizer, where bolt is built with it, cannot work in a process that is traced.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

export ROOT=$T/root
make_busybox_root "$ROOT"

# killed CALL N COMMAND...: the command with all its children, of which the first one that enters CALL for its Nth time
# is killed. False when none was.
killed() {
	local call=$1 n=$2
	shift 2
	rm -f "$T/trace" "$T/out"
	timeout 30 strace -f -o "$T/trace" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" "$@" >"$T/out" 2>&1 </dev/null &
	TRACER=$!
	eventually settled_start
	grep -qs 'killed by SIGKILL' "$T/trace"
}

# Whether the tracer has ended, somebody was killed, or bolt has said that the capsule runs.
settled_start() {
	gone "$TRACER" || [ -s "$T/out" ] || grep -qs 'killed by SIGKILL' "$T/trace"
}

# what_remains ID: of a capsule that does not run: nothing but what makes it.
what_remains() {
	leftovers | grep -vE "^$BOLT_DATA/(capsules|names)"
	cgroups_of "$1"
}

start_is_repaired() {
	local id=$1 what=$2 problem=''
	timeout 20 bolt capsule start crash >"$T/next" 2>&1 || problem="start: $(cat "$T/next")"
	[ -n "$problem" ] || is_in crash running || problem="it does not run: $(shown crash)"
	[ -n "$problem" ] || [ "$(bolt capsule exec crash echo in 2>&1)" = in ] || problem='exec'
	timeout 20 bolt capsule stop -t 0 crash >"$T/next" 2>&1 || problem="$problem, stop: $(cat "$T/next")"
	[ -n "$problem" ] || is_in crash exited || problem="it did not end: $(shown crash)"
	kill -KILL "$TRACER" 2>/dev/null || true
	wait "$TRACER" 2>/dev/null || true
	[ -n "$problem" ] || problem=$(what_remains "$id")
	[ -z "$problem" ] || fail "$WORLD: start killed at $what" "$problem"
}

starts() {
	local call n kills=0 id
	id=$(create crash -- sleep 1000)
	for call in mkdir rename write mount move_mount unshare flock clone vfork sendmsg unlink bind fcntl pipe2 wait4; do
		for ((n = 1; n < 12; n++)); do
			killed "$call" "$n" bolt capsule start crash 2>/dev/null || {
				bolt capsule stop -t 0 crash >"$T/next" 2>&1 || fail "$WORLD: stop after a start that nothing killed at $call $n" "$(cat "$T/next")"
				kill -KILL "$TRACER" 2>/dev/null || true
				wait "$TRACER" 2>/dev/null || true
				break
			}
			kills=$((kills + 1))
			start_is_repaired "$id" "$call $n"
		done
	done
	like "$WORLD: start was killed $kills times" '^[0-9]{2,}$' "$kills"
	check "$WORLD: the capsule is none the worse" bolt capsule rm crash
	is "$WORLD: nothing is left of it" '' "$(leftovers)"
}

# killed_alone CALL N COMMAND...: the command alone.
killed_alone() {
	local s=0
	strace -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" "${@:3}" >/dev/null 2>&1 </dev/null || s=$?
	[ "$s" -eq 137 ]
}

# Once a capsule is there it is whole, and before that nothing of it counts.
creates() {
	local call n bad=0 kills=0
	for call in mkdir rename write symlink fsync unlinkat rmdir flock openat; do
		for ((n = 1; n < 40; n++)); do
			killed_alone "$call" "$n" bolt capsule create crash --image "$ROOT" --runtime "$RUNTIME" -- true 2>/dev/null || break
			kills=$((kills + 1))
			if bolt capsule ps -a --format json | jq -e '.[] | select(.name == "crash")' >/dev/null; then
				bolt capsule start crash >"$T/next" 2>&1 || {
					bad=$((bad + 1))
					cat "$T/next"
				}
			fi
			bolt surge run --rm --runtime "$RUNTIME" "$ROOT" true >/dev/null 2>&1
			bolt capsule rm -f crash >/dev/null 2>&1 || true
			bolt capsule create crash --image "$ROOT" --runtime "$RUNTIME" >/dev/null 2>"$T/next" || {
				bad=$((bad + 1))
				cat "$T/next"
			}
			bolt capsule rm crash >/dev/null
			[ "$call" != openat ] || n=$((n + 3))
		done
		[ "$(bolt capsule ps -aq)" = '' ] || bolt capsule rm -f crash >/dev/null
	done
	is "$WORLD: create was killed $kills times, and each time another one could be made" 0 "$bad"
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

renames() {
	local call n kills=0 bad=0
	create one >/dev/null
	for call in symlink rename fsync write unlink; do
		for ((n = 1; n < 12; n++)); do
			killed_alone "$call" "$n" bolt capsule rename one two 2>/dev/null || break
			kills=$((kills + 1))
			# One of the names counts, and the other one is free.
			if bolt capsule inspect one >/dev/null 2>&1; then
				create two >/dev/null && bolt capsule rm two >/dev/null || bad=$((bad + 1))
			elif bolt capsule inspect two >/dev/null 2>&1; then
				bolt capsule rename two one || bad=$((bad + 1))
			else
				bad=$((bad + 1))
			fi
		done
		! bolt capsule inspect two >/dev/null 2>&1 || bolt capsule rename two one
	done
	is "$WORLD: rename was killed $kills times, and each time one name counted" 0 "$bad"
	bolt capsule rm one >/dev/null
}

# late_record ID: another run finds no record of the capsule, which is there by the time that run has its lock.
late_record() {
	local record=$BOLT_RUN/capsules/$1/record run
	mv "$record" "$T/record" || return
	rm -f "$T/trace"
	strace -qq -o "$T/trace" -e trace=flock,openat -e inject=flock:delay_enter=1000000 \
		bolt surge run --rm --runtime "$RUNTIME" "$ROOT" true &
	run=$!
	eventually grep -q '"record"' "$T/trace" || echo 'nobody looks for it'
	mv "$T/record" "$record" && wait "$run"
}

# What a killed supervisor leaves running.
supervisors() {
	local supervisor init lines
	# shellcheck disable=SC2016
	bolt surge run -d --runtime "$RUNTIME" --name sv "$ROOT" sh -c 'i=0; while :; do echo "line $i"; i=$((i + 1)); sleep 0.02; done' >/dev/null
	check "$WORLD: it prints" logged sv 'line 3'
	init=$(init_of sv)
	supervisor=$(supervisor_of sv)
	kill -KILL "$supervisor"
	check "$WORLD: the supervisor is dead" eventually gone "$supervisor"
	sleep 0.1
	check "$WORLD: the capsule is not" test -d "/proc/$init"
	like "$WORLD: ps says so" 'no supervisor' "$(bolt capsule ps)"
	is "$WORLD: another run leaves it alone" 0 "$(status surge "$ROOT" true)"
	check "$WORLD: also one that looked before it had a record" late_record "$(bolt capsule inspect sv | jq -r '.[0].id')"
	check "$WORLD: it lives" test -d "/proc/$init"
	check "$WORLD: exec works" bolt capsule exec sv true
	is "$WORLD: start finds it running, and gives it another supervisor" sv "$(bolt capsule start sv)"
	unlike "$WORLD: that ps sees" 'no supervisor' "$(bolt capsule ps)"
	is "$WORLD: it is the same program" "$init" "$(init_of sv)"
	lines=$(bolt capsule logs sv 2>/dev/null | grep -c line)
	check "$WORLD: its log goes on" logged_times sv line $((lines + 3))
	bolt capsule logs sv 2>/dev/null | grep '^line' >"$T/log"
	is "$WORLD: without a gap" "$(wc -l <"$T/log")" "$(sed -n '$s/^line //p' "$T/log" | awk '{print $1 + 1}')"
	kill -KILL "$(supervisor_of sv)"
	check "$WORLD: stop of one without supervisor" bolt capsule stop -t 0 sv
	is "$WORLD: it has ended" sv "$(shown sv | cut -d' ' -f1)"
	check "$WORLD: with its program" eventually gone "$init"
	bolt capsule start sv >/dev/null
	init=$(init_of sv)
	kill -KILL "$(supervisor_of sv)" "$init"
	check "$WORLD: both are dead" eventually gone "$init"
	like "$WORLD: ps reports it" 'dead' "$(bolt capsule ps)"
	check "$WORLD: start starts it" bolt capsule start sv
	is "$WORLD: it runs again" 'sv running null' "$(shown sv)"
	check "$WORLD: rm -f" bolt capsule rm -f sv
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

# The supervisor killed while it stops the capsule, at every step of that.
stops() {
	local call n kills=0 id supervisor
	id=$(create crash --stop-timeout 0 -- sleep 1000)
	for call in rename unlink unlinkat rmdir write sendmsg pidfd_send_signal waitid fsync; do
		for ((n = 1; n < 8; n++)); do
			bolt capsule start crash >/dev/null
			supervisor=$(supervisor_of crash)
			rm -f "$T/tracing" "$T/trace"
			timeout 30 strace -o "$T/trace" -p "$supervisor" -e trace="$call" -e "inject=$call:signal=KILL:when=$n" 2>"$T/tracing" &
			TRACER=$!
			eventually grep -q attached "$T/tracing"
			timeout 60 bolt capsule stop crash >"$T/next" 2>&1 ||
				fail "$WORLD: stop while the supervisor is killed at $call $n" "status $?" "$(cat "$T/next")"
			is_in crash exited || {
				timeout 20 bolt capsule stop crash >/dev/null 2>&1
				is_in crash exited || fail "$WORLD: supervisor killed at $call $n of stop" "$(shown crash)"
			}
			kill "$TRACER" 2>/dev/null || true
			wait "$TRACER" 2>/dev/null || true
			[ -z "$(what_remains "$id")" ] || fail "$WORLD: left of a stop killed at $call $n" "$(what_remains "$id")"
			grep -q 'killed by SIGKILL' "$T/trace" || break
			kills=$((kills + 1))
		done
	done
	like "$WORLD: the supervisor was killed $kills times while it stopped the capsule" '^[0-9]{2,}$' "$kills"
	bolt capsule rm crash >/dev/null
}

# The host goes down: /run is empty, and nobody lives.
reboots() {
	local policy pid
	for policy in no on-failure always unless-stopped; do
		bolt surge run -d --runtime "$RUNTIME" --name "p-$policy" --restart "$policy" "$ROOT" sleep 1000 >/dev/null
	done
	bolt surge run -d --runtime "$RUNTIME" --name stopped --restart unless-stopped "$ROOT" sleep 1000 >/dev/null
	bolt surge run -d --runtime "$RUNTIME" --rm --name passing "$ROOT" sleep 1000 >/dev/null
	create never --restart always -- sleep 1000 >/dev/null
	bolt capsule stop -t 0 stopped >/dev/null
	for pid in $(sed -n 's/^pid //p' "$BOLT_RUN"/capsules/*/record) $(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/init); do
		kill -KILL "$pid"
	done
	sleep 0.2
	find /sys/fs/cgroup -depth -type d -path '*/bolt/*' -exec rmdir {} + 2>/dev/null || true
	rm -rf "${BOLT_RUN:?}"/*
	is "$WORLD: after the host went down none runs" '' "$(bolt capsule ps -q)"
	like "$WORLD: and it is said what became of them" 'p-no .*ended with the host' "$(bolt capsule ps -a)"
	is "$WORLD: one that was to be removed is gone" '' "$(shown passing)"
	check "$WORLD: start --restartable" bolt capsule start --restartable
	is "$WORLD: starts those whose policy says so" 'p-always p-unless-stopped' \
		"$(bolt capsule ps --format json | jq -r '.[].name' | sort | paste -sd' ')"
	check "$WORLD: once more changes nothing" bolt capsule start --restartable
	bolt capsule rm -f p-no p-on-failure p-always p-unless-stopped stopped never >/dev/null
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

world() {
	is "$WORLD: runs at all" 0 "$(status surge "$ROOT" true)"
	supervisors
	case $WORLD in
	'crun v1')
		starts
		stops
		creates
		renames
		reboots
		;;
	esac
}
each_world world
