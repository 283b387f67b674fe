#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGKILL for everybody who takes part in a snapshot or a restore, at every step: bolt, the supervisor, who does its work,
# CRIU, the runtime, the helper that has libcuda. Afterwards the capsule runs on or can be restored, all of its GPU memory
# is what it was, and nothing is left.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt nvbind-sim jq runc strace
! is_sanitized || skip 'a sanitizer forbids tracing'
need_criu
export ROOT=$T/root
make_counter_root "$ROOT"
make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
# By it our processes are known.
export NVB_KILLED_TEST=$T

# ours PID: whether it, or one that it descends from, is of this test.
ours() {
	local pid=$1
	while [ "${pid:-0}" -gt 1 ]; do
		! grep -qzxF "NVB_KILLED_TEST=$T" "/proc/$pid/environ" 2>/dev/null || return 0
		pid=$(awk '/^PPid/ {print $2}' "/proc/$pid/status" 2>/dev/null)
	done
	return 1
}

# settles HOW: it runs, under a supervisor, or is brought back.
settles() {
	! is_in one running || { timeout 30 bolt capsule start one >"$T/next" 2>&1 && return 0; }
	[ "$1" = runs ] || timeout 60 bolt capsule restore one@latest >"$T/next" 2>&1
}

# lives WHAT HOW: after something was killed at WHAT. HOW is runs, or also where it may have ended: either.
lives() {
	local what=$1 problem=''
	eventually settles "$2" || problem="$(shown one), $(cat "$T/next")"
	# CRIU killed while something of its own is in the processes leaves them standing: they come from the last snapshot.
	if [ -z "$problem" ] && [[ $what == *criu* ]] && ! goes_on one; then
		echo "$what: it stands still" >>"$T/stood"
		timeout 30 bolt capsule stop -t 0 one >"$T/next" 2>&1 || problem="stop: $(cat "$T/next")"
		[ -n "$problem" ] || timeout 60 bolt capsule restore one@latest >"$T/next" 2>&1 || problem="restore: $(cat "$T/next")"
	fi
	[ -n "$problem" ] || goes_on one || problem="it does not go on: $(bolt capsule logs one 2>&1 | tail -3)"
	[ -n "$problem" ] || whole one || problem='its memory is not what it was'
	[ -z "$problem" ] || {
		fail "$WORLD: killed at $what" "$problem" "$(cat "$T/out" 2>/dev/null)"
		timeout 30 bolt capsule rm -f one >/dev/null 2>&1 || true
		counter one 1 2
		bolt capsule snapshot one --leave-running >/dev/null
	}
}

# strike NAME MILLISECONDS VERB...: has bolt do it, and kills the first process of ours that is called so, that much later.
strike() {
	local name=$1 client victim='' i pid
	pgrep -x "$name" >"$T/before" || true
	timeout 60 bolt capsule "${@:3}" >"$T/out" 2>&1 </dev/null &
	client=$!
	for ((i = 0; i < 400; i++)); do
		for pid in $(pgrep -x "$name"); do
			[ "$pid" = "$client" ] || grep -qxF "$pid" "$T/before" || ! ours "$pid" || victim=$pid
		done
		[ -z "$victim" ] && [ -d "/proc/$client" ] || break
	done
	[ -z "$victim" ] || sleep "$(awk "BEGIN {print $2 / 1000}")"
	[ -z "$victim" ] || ! kill -9 "$victim" 2>/dev/null || echo "$3: $name after $2 ms" >>"$T/points"
	wait "$client" 2>/dev/null || true
}

# A bolt whose helper that has libcuda is killed with the Nth of its calls CALL, where "$T/helper" says "N CALL"; the next one
# of it lives where that file says "once". Nothing of the environment reaches it.
make_struck_helper() {
	mkdir "$T/bin"
	find "$NVB_BUILD/tools" -maxdepth 1 -type f -perm -100 ! -name nvbind-cuda -exec cp {} "$T/bin/" \;
	cat >"$T/bin/nvbind-cuda" <<-END
		#!/bin/sh
		read -r n call how <"$T/helper" 2>/dev/null || exec "$NVB_BUILD/tools/nvbind-cuda" "\$@"
		[ "\$how" != once ] || rm "$T/helper"
		exec "$(command -v strace)" -D -qq -A -o "$T/helper.trace" -e "trace=\$call" -e "inject=\$call:signal=KILL:when=\$n" \\
			"$NVB_BUILD/tools/nvbind-cuda" "\$@"
	END
	chmod 755 "$T/bin/nvbind-cuda"
}

# --- taking: whoever enters CALL for the Nth time --------------------------------------------------------------------
# point CALL N HOW OPTION...: false when nobody was killed.
point() {
	local call=$1 n=$2 how=$3 supervisor tracer who
	shift 3
	supervisor=$(supervisor_of one)
	rm -f "$T/trace" "$T/tracing"
	timeout 60 strace -f -Y -qq -o "$T/trace" -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" -p "$supervisor" 2>"$T/tracing" &
	tracer=$!
	# Who is not traced yet when it begins is killed by nobody.
	eventually grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$supervisor/status"
	timeout 60 bolt capsule snapshot one "$@" >"$T/out" 2>&1 || true
	# Asked to end, strace 6.1 may wait for ever for a process whose last thread waits for it; its end frees all of them.
	kill -KILL $(pgrep -P "$tracer") 2>/dev/null || true
	wait "$tracer" 2>/dev/null || true
	# Who was in that call when it was killed; others that end are a consequence.
	who=$(sed -n 's/^[0-9]*<\([^>]*\)> *[a-z0-9_]*(.*= ?$/\1/p' "$T/trace" | head -1)
	grep -q 'killed by SIGKILL' "$T/trace" || who=
	[ -n "$who" ] || return 1
	echo "take: $who at $call $n $*" >>"$T/points"
	lives "take, $who at $call $n $*" "$how"
}

takes() {
	local call n
	# The worker's and the supervisor's calls, CRIU's.
	for call in mkdirat linkat fsync ptrace process_vm_readv unlinkat openat read pread64 waitid wait4; do
		for n in 1 4; do
			point "$call" "$n" runs --leave-running || break
		done
	done
	point fork,clone,clone3,vfork 1 runs --leave-running || true
	point fork,clone,clone3,vfork 2 runs --leave-running || true
	for call in unlink pidfd_send_signal wait4; do
		point "$call" 1 either || true
	done
	# The helper that has libcuda: another one undoes what it did.
	for n in 0 5; do
		strike nvbind-cuda "$n" snapshot one --leave-running
		lives "take, nvbind-cuda after $n ms" runs
	done
	# bolt itself.
	for call in connect recvmsg recvfrom; do
		strace -qq -o "$T/trace" -e "trace=$call" -e "inject=$call:signal=KILL:when=1" bolt capsule snapshot one --leave-running >"$T/out" 2>&1 || true
		! grep -q 'killed by SIGKILL' "$T/trace" || {
			echo "take: bolt at $call 1" >>"$T/points"
			# What it asked for may be under way.
			sleep 0.5
			lives "take, bolt at $call 1" runs
		}
	done
}

# --- restoring: a tracer would be in CRIU's way, so they are killed soon after they are there ------------------------
restores() {
	local name after call n point
	bolt capsule snapshot one >/dev/null
	for name in runc criu bolt-supervisor; do
		for after in 0 10 40; do
			strike "$name" "$after" restore one@latest
			lives "restore, $name after $after ms" either
			timeout 30 bolt capsule stop -t 0 one >/dev/null 2>&1 || true
		done
	done
	# The last two: images are unpacked beside a start that waits for them, and they are whole.
	for point in 'mkdirat 1' 'fork,clone,clone3,vfork 1' 'recvmsg 1' 'utimensat 12' 'write 1'; do
		read -r call n <<<"$point"
		strace -qq -o "$T/trace" -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" bolt capsule restore one@latest >"$T/out" 2>&1 </dev/null || true
		grep -q 'killed by SIGKILL' "$T/trace" || continue
		echo "restore: bolt at $call $n" >>"$T/points"
		lives "restore, bolt at $call $n" either
		timeout 30 bolt capsule stop -t 0 one >/dev/null 2>&1 || true
	done
}

our_runc() { for pid in $(pgrep -x runc); do ! ours "$pid" || echo "$pid"; done; }
has_runc() { [ -n "$(our_runc)" ]; }
parent_of() { awk '/^PPid/ {print $2}' "/proc/$1/status"; }
own_files() { find "$BOLT_DATA/capsules/$(id_of one)/upper" -type f -exec md5sum {} + | sort; }

# Who starts it is killed while bolt unpacks its images, or the supervisor: its own files come back without another start.
unpacked() {
	local who victim bolt own
	own=$(own_files)
	for who in starter supervisor; do
		strace -D -qq -o "$T/trace" -e trace=utimensat -e inject=utimensat:signal=STOP:when=12 bolt capsule restore one@latest >"$T/out" 2>&1 </dev/null &
		bolt=$!
		check "$WORLD: restore: its start waits for images" eventually has_runc
		victim=$(parent_of "$(our_runc)")
		[ "$who" = starter ] || victim=$(parent_of "$victim")
		kill -9 "$victim"
		check "$WORLD: restore: the $who is killed" eventually gone "$victim"
		kill -CONT "$bolt"
		wait "$bolt" && fail "$WORLD: restore: nobody is told that the $who was killed"
		timeout 30 bolt capsule stop -t 0 one >/dev/null 2>&1 || true
		is "$WORLD: restore: the files are its own again" "$own" "$(own_files)"
		is "$WORLD: restore: nothing else is left of those" '' "$(find "$BOLT_DATA/capsules" -mindepth 2 -maxdepth 2 -name 'resto*')"
	done
}

# stopping NAME: it has been asked to end before it runs.
stopping() { grep -qx 'stopped 1' "$BOLT_RUN/capsules/$1/record"; }

# Who ends it while it is being started says how: one that takes no SIGTERM has an hour otherwise.
early() {
	local bolt stop id
	bolt capsule create early --image "$ROOT" --runtime runc --stop-timeout 3600 -- sh -c 'sleep 100000; :' >/dev/null
	remember early
	id=$(id_of early)
	bolt capsule start early >/dev/null
	bolt capsule snapshot early >/dev/null
	strace -D -qq -o "$T/trace" -e trace=utimensat -e inject=utimensat:signal=STOP:when=12 bolt capsule restore early >"$T/out" 2>&1 </dev/null &
	bolt=$!
	check "$WORLD: a restore is under way" eventually has_runc
	timeout 60 bolt capsule stop -t 0 early >/dev/null 2>&1 &
	stop=$!
	check "$WORLD: it is to end" eventually stopping "$id"
	kill -CONT "$bolt"
	wait "$bolt" || true
	wait "$stop" && stop=0 || stop=$?
	is "$WORLD: it ends as it was asked to" 0 "$stop"
	timeout 60 bolt capsule rm -f early >/dev/null
}

# helper_point N CALL HOW: the helper is killed while it gives the GPU's state to the restored processes: before a request is
# written, when it is sent. HOW is once, and another helper goes on, or each: the restore fails, and the next one succeeds.
helper_point() {
	local point="nvbind-cuda at $2 $1, $3" done=
	echo "$1 $2 $3" >"$T/helper"
	: >"$T/helper.trace"
	PATH=$T/bin:$PATH timeout 60 bolt capsule restore one@latest >"$T/out" 2>&1 </dev/null && done=1
	rm -f "$T/helper"
	like "$WORLD: restore, $point: it was killed" 'killed by SIGKILL' "$(cat "$T/helper.trace")"
	echo "restore: $point" >>"$T/points"
	if [ "$3" = once ]; then
		is "$WORLD: restore, $point: another goes on" '1 one running' "$done $(shown one | cut -d' ' -f1,2)"
	else
		is "$WORLD: restore, $point: it fails, and nothing runs" ' one exited' "$done $(shown one | cut -d' ' -f1,2)"
		like "$WORLD: restore, $point: and says why" 'crashed|cut off' "$(cat "$T/out")"
		is "$WORLD: restore, $point: nothing is on the GPU" 0 "$(used 1)"
	fi
	lives "restore, $point" either
	timeout 30 bolt capsule stop -t 0 one >/dev/null 2>&1 || true
}

helpers() {
	local call
	for call in process_vm_writev tgkill; do
		helper_point 1 "$call" once
		# Its second is the unlocking. Another helper has only that left, so each one meets the first alone.
		helper_point 2 "$call" once
		helper_point 1 "$call" each
	done
}

remaining() {
	local pid
	for pid in $(pgrep -x 'bolt|criu|runc|nvbind-cuda|gpu-counter|bolt-.*'); do
		! ours "$pid" || ps -o pid=,args= -p "$pid"
	done
}
nobody_remains() { [ -z "$(remaining)" ]; }

world() {
	trap end_capsules EXIT
	: >"$T/points"
	: >"$T/stood"
	make_struck_helper
	counter one 1 2
	bolt capsule snapshot one --leave-running >/dev/null
	takes
	cat "$T/points"
	is "$WORLD: everybody who takes part was killed" 'bolt bolt-snapshot criu nvbind-cuda' \
		"$(sed -n 's/^take: \([^ ]*\) .*/\1/p' "$T/points" | grep -vx bolt-supervisor | sort -u | paste -sd' ')"
	cat "$T/stood"
	like "$WORLD: the helper, too" 'snapshot: nvbind-cuda' "$(cat "$T/points")"
	restores
	unpacked
	early
	helpers
	sed -n '/^restore/p' "$T/points"
	check "$WORLD: at $(sort -u "$T/points" | wc -l) points" test "$(sort -u "$T/points" | wc -l)" -ge 25
	# One that nobody disturbs sweeps what killed ones left.
	is_in one running || bolt capsule restore one@latest >/dev/null
	check "$WORLD: a snapshot afterwards" bolt capsule snapshot one
	check "$WORLD: a restore afterwards" bolt capsule restore one@latest
	check "$WORLD: its memory is what it was" whole one
	bolt capsule rm -f one >/dev/null
	check "$WORLD: no process is left" eventually nobody_remains
	nobody_remains || remaining
	is "$WORLD: nothing else is left" '' "$(leaked)"
	is "$WORLD: no lease is left" '[]' "$(nvbind info --leases --format json)"
	is "$WORLD: nothing is on the GPU" 0 "$(used 1)"
}

RUNTIME=runc
if runtime_works runc v1; then WORLD='runc v1' version=v1; else WORLD='runc v2' version=v2; fi
export RUNTIME WORLD
"with_cgroup_$version" surge_state world
