#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What others do to a capsule that somebody runs in the foreground: stop, kill, pause, update, rm, as to any; and what
# cannot be had of one is refused at once, with the reason.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"

# fore [OPTION...] -- COMMAND: one named "fore"; $KEEPER is its bolt.
fore() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	: >"$T/out"
	bolt surge run --name fore --runtime "$RUNTIME" "${options[@]}" "$ROOT" sh -c "$2" >"$T/out" 2>&1 &
	KEEPER=$!
}
is_up() { eventually grep -q '^up' "$T/out"; }

left() { # STATUS: of the bolt in the foreground
	local s=0
	wait "$KEEPER" || s=$?
	is "$WORLD: $1" "$2" "$s"
}

# shellcheck disable=SC2016
export STUBBORN='trap "" TERM; trap "exit 9" QUIT; echo up; while :; do sleep 0.02; done'

ended() {
	fore --rm -- "$STUBBORN"
	check "$WORLD: it is up" is_up
	is "$WORLD: ps shows what it runs" "sh -c $STUBBORN" "$(bolt capsule ps --format json | jq -r '.[0].command')"
	is "$WORLD: kill" fore "$(bolt capsule kill fore)"
	left 'its bolt leaves with the status' 137
	fore --rm -- "$STUBBORN"
	check "$WORLD: it is up again" is_up
	is "$WORLD: stop, which its program does not hear" fore "$(bolt capsule stop -t 0 fore)"
	left 'is SIGKILL then' 137
	fore --rm --stop-signal QUIT -- "$STUBBORN"
	check "$WORLD: one with a stop signal" is_up
	is "$WORLD: stop sends it" fore "$(bolt capsule stop -t 60 fore)"
	left 'and the program ends by itself' 9
	fore --rm -- "$STUBBORN"
	check "$WORLD: one more" is_up
	refuses "$WORLD: rm of one that runs" 1 'is running .*--force' bolt capsule rm fore
	is "$WORLD: rm -f" fore "$(bolt capsule rm -f fore)"
	left 'ends it' 137
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

frozen() {
	fore -- "$STUBBORN"
	check "$WORLD: one that is kept is up" is_up
	check "$WORLD: pause" bolt capsule pause fore
	is "$WORLD: ps says so" 'fore paused null' "$(shown fore)"
	refuses "$WORLD: twice" 1 'paused already' bolt capsule pause fore
	check "$WORLD: unpause" bolt capsule unpause fore
	check "$WORLD: pause again" bolt capsule pause fore
	check "$WORLD: a paused one can be killed" bolt capsule kill fore
	left 'and ends' 137
	is "$WORLD: it is kept" 'fore exited 137' "$(shown fore)"
	check "$WORLD: and can be started" bolt capsule start fore
	check "$WORLD: and removed" bolt capsule rm -f fore
}

refused() {
	local why='in the foreground of process'
	fore --rm -- "$STUBBORN"
	check "$WORLD: one to be refused" is_up
	refuses "$WORLD: attach" 125 "$why $KEEPER" bolt capsule attach fore
	refuses "$WORLD: logs" 1 "$why $KEEPER.*no log is kept" bolt capsule logs fore
	refuses "$WORLD: logs -f" 1 "$why $KEEPER" timeout 20 bolt capsule logs -f fore
	refuses "$WORLD: rename" 1 "$why $KEEPER.*keeps its name" bolt capsule rename fore aft
	is "$WORLD: and it has its name still" fore "$(bolt capsule inspect fore | jq -r '.[0].definition.name')"
	refuses "$WORLD: restart of what goes when it ends" 1 '(--rm).*nothing to start again' bolt capsule restart fore
	is "$WORLD: it runs still" 'fore running null' "$(shown fore)"
	check "$WORLD: start is no error" bolt capsule start fore
	bolt capsule rm -f fore >/dev/null
	left 'removed' 137
}

# Somebody's ^Z stops bolt, not its capsule.
halted() {
	fore --rm -- "$STUBBORN"
	check "$WORLD: one whose bolt is stopped" is_up
	kill -STOP "$KEEPER"
	refuses "$WORLD: stop says what is the matter" 1 "process $KEEPER.*gives nothing back" \
		bolt capsule stop -t 0 fore
	kill -CONT "$KEEPER"
	left 'it goes on' 137
	check "$WORLD: and gives back what it had" nobody
}

foreground() {
	ended
	refused
	[ "$WORLD" != 'crun v1' ] || halted
	! has_controllers || frozen
	is "$WORLD: nothing is left at all" '' "$(leftovers)"
}
each_world foreground
