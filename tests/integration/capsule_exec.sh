#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt capsule exec, top and stats: further programs in a capsule that runs, and what it uses.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"
cat >>"$ROOT/etc/passwd" <<'END'
jo:x:1234:1234::/home/jo:/bin/sh
END
printf 'root:x:0:\njo:x:1234:\nvideo:x:44:jo\n' >"$ROOT/etc/group"

# running NAME OPTION... -- COMMAND...: a capsule in the background; waits until its program runs.
running() {
	local name=$1 i
	shift
	bolt surge run --rm ${RUNTIME:+--runtime "$RUNTIME"} --name "$name" "$@" &
	CAPSULE=$!
	for ((i = 0; i < 200; i++)); do
		! bolt capsule top "$name" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

ended() {
	kill "$CAPSULE" 2>/dev/null || true
	wait "$CAPSULE" || true
}

ex() { bolt capsule exec "$@"; }

same_sandbox() {
	local field all
	all=$(ex box sh -c 'for i in 1 self; do grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups)" /proc/$i/status | md5sum; done' | uniq | wc -l)
	is "$WORLD: capabilities, filter and groups are the capsule's" 1 "$all"
	for field in pid mnt uts ipc net; do
		is "$WORLD: the capsule's $field namespace" 1 \
			"$(ex box sh -c "for i in 1 self; do readlink /proc/\$i/ns/$field; done" | uniq | wc -l)"
	done
	is_rootless || is "$WORLD: its control groups" 1 "$(ex box sh -c 'md5sum </proc/1/cgroup; md5sum </proc/self/cgroup' | uniq | wc -l)"
	is "$WORLD: its environment" "$(ex box sh -c "tr '\\0' '\\n' </proc/1/environ | sort")" "$(ex box env | sort)"
	# Not of open files: Go's start-up, which is runc's, sometimes leaves that one raised.
	is "$WORLD: its limits" 2 "$(ex box grep -h 'Max core file size *1000 *2000' /proc/1/limits /proc/self/limits | wc -l)"
	is "$WORLD: its directory" /work "$(ex box pwd)"
}

statuses() {
	local i wrong=0 pid
	for i in 0 1 7 64 125 126 127 128 200 255; do
		[ "$(status ex box sh -c "exit $i")" = "$i" ] || wrong=$((wrong + 1))
	done
	is "$WORLD: exit statuses pass through" 0 "$wrong"
	is "$WORLD: one that kills itself" 137 "$(status ex box sh -c 'kill -9 $$')"
	refuses "$WORLD: a program that is not there" 127 "'nosuch' is not in the container" ex box nosuch
	refuses "$WORLD: a directory" 126 "'/etc' cannot be executed" ex box /etc
	refuses "$WORLD: no such capsule" 125 "no capsule 'nobody'.*bolt capsule ps" ex nobody true
	refuses "$WORLD: no such user" 125 "user 'nosuch' is not in the image's /etc/passwd" ex -u nosuch box true
	refuses "$WORLD: a relative directory" 125 "not an absolute path" ex -w tmp box true
	refuses "$WORLD: detached with streams" 125 'leaves no streams' ex -di box true
	refuses "$WORLD: a terminal without one" 125 'no terminal' ex -it box true </dev/null
	mkfifo "$T/ready"
	bolt capsule exec box sh -c 'trap "exit 9" TERM; echo; while :; do sleep 0.05; done' >"$T/ready" &
	pid=$!
	read -r <"$T/ready"
	kill -TERM "$pid"
	i=0
	wait "$pid" || i=$?
	is "$WORLD: a signal goes to the program" 9 "$i"
	rm "$T/ready"
}

streams() {
	local big
	is "$WORLD: input" hello "$(echo hello | ex -i box cat)"
	is "$WORLD: no input without -i" '' "$(echo hello | ex box cat)"
	is "$WORLD: output and errors stay apart" 'out|err' "$(ex box sh -c 'echo out; echo err >&2' 2>"$T/err")|$(cat "$T/err")"
	head -c 3000000 /dev/urandom >"$T/big"
	big=$(md5sum <"$T/big")
	is "$WORLD: 3 MB there and back" "$big" "$(ex -i box cat <"$T/big" | md5sum)"
	is "$WORLD: a terminal" yes "$(script -qec "bolt capsule exec -it box sh -c 'test -t 0 && test -t 1 && echo yes'" /dev/null </dev/null | grep -o yes)"
	ex -d box sh -c 'echo done >/tmp/detached'
	check "$WORLD: detached it runs by itself" ex box sh -c 'i=0; until [ -s /tmp/detached ]; do [ $((i += 1)) -lt 100 ]; sleep 0.05; done'
}

options() {
	is "$WORLD: another user, with its groups and home" '1234:1234:1234 44:/home/jo' \
		"$(ex -u jo box sh -c 'echo "$(id -u):$(id -g):$(id -G):$HOME"')"
	is "$WORLD: a user without capabilities" 0000000000000000 "$(ex -u 1234 box sed -n 's/^CapEff:\t//p' /proc/self/status)"
	is "$WORLD: by number, with a group" 77:88 "$(ex -u 77:88 box sh -c 'echo "$(id -u):$(id -g)"')"
	is "$WORLD: another directory" /tmp "$(ex -w /tmp box pwd)"
	is "$WORLD: a variable more" new "$(ex -e ADDED=new box sh -c 'echo $ADDED')"
	is "$WORLD: a variable replaced" changed "$(ex -e KEPT=changed box sh -c 'echo $KEPT')"
	is "$WORLD: a variable of the caller's" mine "$(MINE=mine ex -e MINE box sh -c 'echo $MINE')"
	printf '# comment\nFROM_FILE=yes\n' >"$T/env"
	is "$WORLD: variables of a file" yes "$(ex --env-file "$T/env" box sh -c 'echo $FROM_FILE')"
	is_rootless || is "$WORLD: privileged has what the capsule lacks" yes \
		"$(ex --privileged box sh -c 'mkdir /tmp/m && mount -t tmpfs none /tmp/m 2>/dev/null && echo yes || sed -n "s/^CapEff:\t0*//p" /proc/self/status | grep -q "[13]f*" && echo yes')"
	is "$WORLD: nothing is left of them" '' "$(find "$BOLT_RUN/capsules" -name 'exec.*')"
}

figures() {
	is "$WORLD: top lists the processes" 'sleep 1000' "$(bolt capsule top --format json box | jq -r '.[] | select(.inner_pid != 1) | .command' | grep sleep)"
	is "$WORLD: its first process is 1 inside" 1 "$(bolt capsule top --format json box | jq '[.[].inner_pid] | min')"
	refuses "$WORLD: top of none" 1 "no capsule 'nobody'" bolt capsule top nobody
	if is_rootless; then
		refuses "$WORLD: no control group, no figures" 1 'no control group' bolt capsule stats --no-stream box
		return
	fi
	bolt capsule stats --no-stream --format json box >"$T/stats"
	is "$WORLD: stats names it" box "$(jq -r '.[0].name' "$T/stats")"
	check "$WORLD: processor time grows" jq -e '.[0].cpu_ns > 0 and .[0].cpu_percent >= 0' "$T/stats"
	# Where the controllers are bound to v1, v2 has none of them.
	case $WORLD in *v1)
		check "$WORLD: memory and processes" jq -e '.[0].memory_bytes > 0 and .[0].pids >= 1 and .[0].memory_limit_bytes > 0' "$T/stats"
		;;
	esac
	like "$WORLD: as a table" '^[0-9a-f]{12} +box ' "$(bolt capsule stats --no-stream)"
	refuses "$WORLD: too often" 1 'at least 100ms' bolt capsule stats --interval 1ms
}

all() {
	running box -e KEPT=kept --ulimit core=1000:2000 -w /work "$ROOT" sh -c 'sleep 1000 & trap "kill %1; exit 0" TERM; wait'
	same_sandbox
	statuses
	streams
	options
	figures
	ended
	refuses "$WORLD: one that has ended" 125 "no capsule 'box'" ex box true
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

each_world all
USER_RUNTIMES=crun each_user_world all
