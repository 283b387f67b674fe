#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt capsule create, start, stop, restart, kill, pause, rename, update, rm, ps, inspect, and surge run -d: what they do,
# what they print, and that nothing is left behind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"

# It is up before its shell has come to writing.
counts() { [ "$(bolt capsule exec web cat /count 2>/dev/null | wc -l)" -eq "$1" ]; }
logs_starts() { [ "$(bolt capsule logs web | grep -c started)" -eq "$1" ]; }

life() {
	local id
	id=$(create web -- sh -c 'echo "started $(cat /count 2>/dev/null)"; echo x >>/count; exec sleep 1000')
	like "$WORLD: create prints the id" '^[0-9a-f]{32}$' "$id"
	is "$WORLD: one that was created is listed with -a" 'web created null' "$(shown web)"
	is "$WORLD: and not without" '' "$(bolt capsule ps -q)"
	refuses "$WORLD: a name is taken once" 125 "belongs to capsule ${id:0:12}" create web
	is "$WORLD: start prints the name" web "$(bolt capsule start web)"
	is "$WORLD: it runs" 'web running null' "$(shown web)"
	is "$WORLD: an id is enough, or its beginning" "${id:0:12}" "$(bolt capsule ps -q --filter "id=${id:0:6}")"
	is "$WORLD: starting it again is no error" web "$(bolt capsule start web)"
	eventually counts 1
	is "$WORLD: exec" 'x' "$(bolt capsule exec web cat /count)"
	refuses "$WORLD: one that runs is not removed" 1 'is running .*--force' bolt capsule rm web
	is "$WORLD: stop" "${id:0:8}" "$(bolt capsule stop -t 0 "${id:0:8}")"
	is "$WORLD: it was killed, since sleep takes no signal as first process" 'web exited 137' "$(shown web)"
	is "$WORLD: stopping what does not run is no error" web "$(bolt capsule stop web)"
	check "$WORLD: start again" bolt capsule start web
	eventually counts 2
	is "$WORLD: what it wrote is still there" 'x,x' "$(bolt capsule exec web cat /count | paste -sd,)"
	check "$WORLD: restart" bolt capsule restart -t 0 web
	check "$WORLD: three starts" eventually counts 3
	check "$WORLD: the log has all of them" eventually logs_starts 3
	is "$WORLD: inspect" "$id web running true $ROOT" "$(bolt capsule inspect web |
		jq -r '.[0] | "\(.id) \(.name) \(.state) \(.supervised) \(.definition.image)"')"
	check "$WORLD: rename one that runs" bolt capsule rename web www
	is "$WORLD: its new name counts" 'www running null' "$(shown www)"
	refuses "$WORLD: its old one does not" 1 "no capsule 'web'" bolt capsule inspect web
	refuses "$WORLD: a name that is none" 1 'letters, digits' bolt capsule rename www ../x
	check "$WORLD: kill" bolt capsule kill www
	check "$WORLD: and it ends" ends www
	is "$WORLD: by SIGKILL" 'www exited 137' "$(shown www)"
	refuses "$WORLD: a signal goes to what runs only" 1 'does not run' bolt capsule kill -s USR1 www
	check "$WORLD: remove" bolt capsule rm www
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

signals() {
	# shellcheck disable=SC2016
	create sig --stop-signal USR1 -- sh -c 'trap "echo usr1; exit 7" USR1; trap "echo hup" HUP; echo up; while :; do sleep 0.02; done' >/dev/null
	bolt capsule start sig >/dev/null
	check "$WORLD: it is up" logged sig '^up'
	check "$WORLD: kill -s HUP" bolt capsule kill -s HUP sig
	check "$WORLD: reaches the program" logged sig '^hup'
	check "$WORLD: stop sends the stop signal" bolt capsule stop sig
	is "$WORLD: and the status is the program's" 'sig exited 7' "$(shown sig)"
	check "$WORLD: removed" bolt capsule rm sig
}

# What it is to run is listed before it runs; behind -- stands the command, with a name before it or none.
listed() {
	local id
	id=$(bolt capsule create --image "$ROOT" --runtime "$RUNTIME" -p 8080:80 -- sleep 1000)
	is "$WORLD: a command without a name" 'null sleep 1000 8080->80/tcp' \
		"$(bolt capsule ps -a --format json | jq -r '.[0] | "\(.name) \(.command) \(.ports)"')"
	bolt capsule rm "$id" >/dev/null
	bolt capsule create --image "$ROOT" --runtime "$RUNTIME" nap sleep 1000 >/dev/null
	is "$WORLD: a command behind its name" 'nap sleep 1000' \
		"$(bolt capsule ps -a --format json | jq -r '.[0] | "\(.name) \(.command)"')"
	bolt capsule rm nap >/dev/null
}

failures() {
	local s=0
	refuses "$WORLD: an image that is not there" 125 "nowhere" \
		bolt capsule create bad --image localhost/nowhere --pull never
	refuses "$WORLD: no image" 125 'no image was named' bolt capsule create bad
	create bad -- nothing >/dev/null
	refuses "$WORLD: a program that is not there" 127 "'nothing' is not in the container" bolt capsule start bad
	is "$WORLD: it says so" "bad exited 127 'nothing' is not in the container" \
		"$(bolt capsule inspect bad | jq -r '.[0] | "\(.name) \(.state) \(.status) \(.error)"')"
	check "$WORLD: one that failed can be removed" bolt capsule rm bad
	refuses "$WORLD: run -d of such one" 127 'is not in the container' \
		bolt surge run -d --runtime "$RUNTIME" --name bad "$ROOT" nothing
	is "$WORLD: leaves nothing" '' "$(leftovers)"
	bolt surge run -d --rm --runtime "$RUNTIME" --name once "$ROOT" sleep 1000 >/dev/null
	refuses "$WORLD: one that goes when it ends is not ended over a restart" 1 'nothing to start again' \
		bolt capsule restart -t 0 once
	is "$WORLD: it runs" 'once running null' "$(shown once)"
	check "$WORLD: and goes" bolt capsule rm -f once
	refuses "$WORLD: --rm and a restart policy" 125 'cannot be restarted' create bad --rm --restart always
	refuses "$WORLD: a policy that is none" 125 'restart policy' create bad --restart sometimes
	refuses "$WORLD: no such capsule" 1 "no capsule 'ghost'" bolt capsule stop ghost
	refuses "$WORLD: a time to stop beyond reason" 125 'stop.*4294967295 seconds are too long' create bad --stop-timeout 4294967295
	refuses "$WORLD: a larger one is no number" 125 'stop-timeout' create bad --stop-timeout 18446744073709551
	bolt capsule start ghost >/dev/null 2>&1 || s=$?
	is "$WORLD: start of one" 125 "$s"
}

detached() {
	bolt surge run -d --rm --runtime "$RUNTIME" --name gone "$ROOT" sh -c 'exit 3' >/dev/null
	check "$WORLD: run -d --rm removes it when it ends" nobody
	is "$WORLD: with all it had" '' "$(leftovers)"
	bolt surge run -d --runtime "$RUNTIME" --name kept -l tier=db "$ROOT" sh -c 'exit 3' >/dev/null
	check "$WORLD: run -d" ends kept
	is "$WORLD: keeps it with its status" 'kept exited 3' "$(shown kept)"
	is "$WORLD: a label finds it" kept "$(bolt capsule ps -a --filter label=tier=db --format json | jq -r '.[].name')"
	is "$WORLD: another one does not" '[]' "$(bolt capsule ps -a --filter label=tier=web --format json)"
	refuses "$WORLD: a filter that is none" 1 'there is no such' bolt capsule ps --filter color=red
	bolt capsule rm kept >/dev/null
}

restarts() {
	bolt surge run -d --runtime "$RUNTIME" --restart on-failure:2 --name of "$ROOT" sh -c 'echo run; exit 4' >/dev/null
	check "$WORLD: on-failure:2 comes to its end" ends of
	is "$WORLD: after three runs" '3 2' "$(bolt capsule logs of | grep -c run) $(bolt capsule ps -a --format json | jq '.[0].restarts')"
	bolt surge run -d --runtime "$RUNTIME" --restart on-failure --name ok "$ROOT" sh -c 'echo run' >/dev/null
	check "$WORLD: on-failure and status 0" ends ok
	is "$WORLD: is one run" 1 "$(bolt capsule logs ok | grep -c run)"
	bolt surge run -d --runtime "$RUNTIME" --restart always --name al "$ROOT" sh -c 'echo run' >/dev/null
	check "$WORLD: always runs again" logged_times al run 3
	check "$WORLD: until it is stopped" bolt capsule stop al
	is "$WORLD: that one is over" 'al exited 0' "$(shown al)"
	bolt capsule rm of ok al >/dev/null
	is "$WORLD: nothing of them is left" '' "$(leftovers)"
}

limits() {
	local id
	! is_rootless || refuses "$WORLD: limits need a control group" 125 'need a control group' \
		bolt surge run -d --runtime "$RUNTIME" -m 64m "$ROOT" true
	! is_rootless && has_controllers || return 0
	id=$(bolt surge run -d --runtime "$RUNTIME" --name lim -m 64m --pids-limit 20 "$ROOT" sleep 1000)
	is "$WORLD: --pids-limit" 20 "$(limit_of "$id" pids.max)"
	check "$WORLD: update one that runs" bolt capsule update --pids-limit 30 --restart always lim
	is "$WORLD: holds at once" 30 "$(limit_of "$id" pids.max)"
	is "$WORLD: and is written down" '30 always' \
		"$(bolt capsule inspect lim | jq -r '.[0].definition | "\(.pids_limit) \(.restart)"')"
	check "$WORLD: more processes than that" sh -c \
		'! bolt capsule exec lim sh -c "for i in \$(seq 40); do sleep 1 & done" 2>/dev/null'
	refuses "$WORLD: nothing to change" 1 'nothing to change' bolt capsule update lim
	refuses "$WORLD: a limit that is none" 1 'no size' bolt capsule update -m much lim
	check "$WORLD: pause" bolt capsule pause lim
	is "$WORLD: it is paused" 'lim paused null' "$(shown lim)"
	refuses "$WORLD: once" 1 'paused already' bolt capsule pause lim
	check "$WORLD: unpause" bolt capsule unpause lim
	refuses "$WORLD: a time to stop beyond reason" 1 'time 4000000000: too long' bolt capsule stop -t 4000000000 lim
	is "$WORLD: it goes on" 'lim running null' "$(shown lim)"
	bolt capsule pause lim >/dev/null
	refuses "$WORLD: a further program in it would wait" 125 'capsule lim is paused.*unpause lim' bolt capsule exec lim true
	check "$WORLD: a paused one can be stopped" bolt capsule stop -t 0 lim
	check "$WORLD: removed" bolt capsule rm lim
	is "$WORLD: its control groups, too" '' "$(cgroups_of "$id")"
}

world() {
	life
	listed
	failures
	detached
	# The rest is the same whatever the control groups.
	case $WORLD in
	*v2) ;;
	*)
		signals
		restarts
		;;
	esac
	limits
}
each_world world
USER_RUNTIMES=crun each_user_world world
