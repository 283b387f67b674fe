#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is asked for of snapshots is done, or refused with the reason and a status: going on from the last one and keeping one
# at the stop, with a key or without, and what --check says of taking and restoring.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt busybox jq runc
need_criu
export ROOT=$T/root
make_busybox_root "$ROOT"
head -c 32 /dev/urandom >"$T/key"
echo short >"$T/short"
chmod 600 "$T/key" "$T/short"

# sleeper NAME [OPTION...]: a capsule, made.
sleeper() { create "$1" "${@:2}" -- sleep 1000 >/dev/null && remember "$1"; }
state_of() { shown "$1" | cut -d' ' -f2; }
snapshots_of() { bolt snapshot ls "$1" --format json | jq -c "[.[].manifest.$2]"; }
# found COMMAND...: the checks that --check names, with whether they would fail.
found() { "$@" --check --format json 2>/dev/null | jq -r '[.[] | "\(.check) \(.fatal)"] | unique | join(", ")'; }

# A start from a snapshot that cannot be is none.
started() {
	local id
	bolt image import "$ROOT" snap/one >/dev/null
	bolt capsule create im --image snap/one --runtime "$RUNTIME" -- sleep 1000 >/dev/null
	remember im
	bolt capsule start im >/dev/null
	id=$(bolt capsule snapshot im)
	is "$WORLD: nothing is against a restore" '' "$(found bolt capsule restore "$id")"
	touch "$ROOT/another"
	bolt image import "$ROOT" snap/one >/dev/null
	is "$WORLD: another image of that name: a check of the restore says so" 'image true' "$(found bolt capsule restore "$id")"
	refuses "$WORLD: start --gpu-snapshot, too, and starts nothing" 125 'another one here' bolt capsule start im --gpu-snapshot
	is "$WORLD: it does not run" exited "$(state_of im)"
	check "$WORLD: a plain start begins" bolt capsule start im
	refuses "$WORLD: one that runs without keeping snapshots does not begin to" 125 'runs already, without --gpu-snapshot' \
		bolt capsule start im --gpu-snapshot
	bolt capsule stop -t 0 im >/dev/null
	bolt image rm snap/one >/dev/null
	is "$WORLD: no image of that name: it may be fetched" 'image false' "$(found bolt capsule restore "$id")"
	refuses "$WORLD: where it cannot be, one line says so" 1 'snap/one' bolt capsule restore "$id"
	bolt image import "$ROOT" snap/one >/dev/null
	bolt capsule rm -f im >/dev/null
	is "$WORLD: its capsule is gone: a check of the restore says so" 'capsule true, image true' "$(found bolt capsule restore "$id")"
	bolt snapshot rm "$id" >/dev/null
}

# Who encrypts what is saved does not find it in the clear once it is stopped.
encrypted() {
	sleeper secret
	refuses "$WORLD: a key that is none is found before it starts" 125 'key file.*bytes' \
		bolt capsule start secret --gpu-snapshot --key-file "$T/short"
	refuses "$WORLD: a key without --gpu-snapshot" 125 'for --gpu-snapshot' bolt capsule start secret --key-file "$T/key"
	(cd "$T" && bolt capsule start secret --gpu-snapshot --key-file key >/dev/null)
	check "$WORLD: started once more it is so already" bolt capsule start secret --gpu-snapshot --key-file "$T/key"
	check "$WORLD: stop keeps a snapshot" bolt capsule stop secret
	is "$WORLD: which is encrypted" '["chacha20-poly1305"]' "$(snapshots_of secret encryption)"
	refuses "$WORLD: going on takes the key" 125 'key-file' bolt capsule start secret --gpu-snapshot
	check "$WORLD: with it, it goes on" bolt capsule start secret --gpu-snapshot --key-file "$T/key"
	kill -KILL "$(supervisor_of secret)"
	mv "$T/key" "$T/away"
	refuses "$WORLD: the key is gone: no snapshot, no stop" 1 'key file.*No such file' bolt capsule stop secret
	is "$WORLD: it runs on" running "$(state_of secret)"
	mv "$T/away" "$T/key"
	check "$WORLD: also behind a killed supervisor" bolt capsule stop secret
	is "$WORLD: that one is encrypted, too" '["chacha20-poly1305","chacha20-poly1305"]' "$(snapshots_of secret encryption)"
	check "$WORLD: a restore that shall keep one" bolt capsule restore secret --key-file "$T/key" --gpu-snapshot
	bolt capsule stop secret >/dev/null
	is "$WORLD: keeps it encrypted" 3 "$(snapshots_of secret encryption | jq 'map(select(. != null)) | length')"
	bolt capsule rm -f secret >/dev/null
}

# What a snapshot would be refused for, --check knows; what comes and goes beside it is none.
checked() {
	sleeper seen --health-cmd 'sleep 1' --health-interval 1s
	refuses "$WORLD: one that does not run: what to do about it" 1 'seen does not run \(bolt capsule start seen\)' bolt capsule snapshot seen
	bolt capsule start seen >/dev/null
	eventually eval 'bolt capsule top seen | grep -q "sleep 1$"'
	is "$WORLD: a health check is not against it" '' "$(found bolt capsule snapshot seen)"
	bolt capsule exec -d seen sleep 900
	eventually eval 'bolt capsule top seen | grep -q "sleep 900"'
	is "$WORLD: a program beside its own is" 'beside true' "$(found bolt capsule snapshot seen)"
	like "$WORLD: it says what to do" "sleep.*let what 'bolt capsule exec' runs end" "$(bolt capsule snapshot seen --check)"
	bolt capsule pause seen >/dev/null
	is "$WORLD: so is a pause" 'beside true, frozen true' "$(found bolt capsule snapshot seen)"
	bolt capsule unpause seen >/dev/null
	refuses "$WORLD: a check with a key that is none" 1 'No such file' bolt capsule snapshot seen --check --key-file "$T/nowhere"
	refuses "$WORLD: --format without --check" 2 'of --check' bolt capsule snapshot seen --format json
	refuses "$WORLD: of a restore, too" 2 'of --check' bolt capsule restore seen --format json
	bolt capsule stop -t 0 seen >/dev/null
	bolt capsule start seen >/dev/null
	bolt capsule snapshot seen --leave-running --comment "$(printf 'before\033[31m')" >/dev/null
	like "$WORLD: a list shows the comment, and nothing that a terminal obeys" 'before\\x1b\[31m$' "$(bolt snapshot ls seen)"
	is "$WORLD: a restore over one that runs" 'capsule true' "$(found bolt capsule restore seen)"
	is "$WORLD: and a name that is taken" 'capsule true' "$(found bolt capsule restore seen --name seen)"
	is "$WORLD: as another one nothing is against it" '' "$(found bolt capsule restore seen --name other)"
	is "$WORLD: which was not made" '' "$(shown other)"
	bolt capsule rm -f seen >/dev/null
	bolt surge run --rm --name front --runtime "$RUNTIME" "$ROOT" sleep 1000 </dev/null >/dev/null 2>&1 &
	FRONT=$!
	eventually bolt capsule exec front true || fail "$WORLD: one in the foreground"
	is "$WORLD: one in the foreground" 'foreground true' "$(found bolt capsule snapshot front)"
	refuses "$WORLD: is refused" 1 'in the foreground' bolt capsule snapshot front
	bolt capsule kill front >/dev/null
	wait "$FRONT" || true
	mkdir "$T/volume"
	sleeper moved -v "$T/volume:/v"
	bolt capsule start moved >/dev/null
	mv "$T/volume" "$T/elsewhere"
	is "$WORLD: a volume that was moved" 'mount-gone false' "$(found bolt capsule snapshot moved)"
	bolt capsule snapshot moved >/dev/null
	is "$WORLD: is missed by a restore" 'mount-gone true' "$(found bolt capsule restore moved)"
	refuses "$WORLD: which makes no empty one in its place" 1 "$T/volume: No such file" bolt capsule restore moved
	check "$WORLD: and leaves none behind" test ! -e "$T/volume"
	mv "$T/elsewhere" "$T/volume"
	check "$WORLD: once it is there again it is restored" bolt capsule restore moved
	bolt capsule rm -f moved >/dev/null
}

taken_of() { bolt snapshot ls -q "$1" | wc -l; }
# take_and_hold NAME: somebody asks for a snapshot, $ASKER, and its taker, $TAKER, stands still before there is one; $TAKEN
# were before.
take_and_hold() {
	local i
	for ((i = 0; i < 20; i++)); do
		TAKEN=$(taken_of "$1")
		bolt capsule snapshot "$1" --leave-running >"$T/out" 2>"$T/said" &
		ASKER=$!
		TAKER=
		while [ -d "/proc/$ASKER" ] && ! TAKER=$(pgrep -x bolt-snapshot -P "$(supervisor_of "$1")"); do :; done
		if [ -n "$TAKER" ] && kill -STOP "$TAKER" 2>/dev/null; then
			[ "$(taken_of "$1")" != "$TAKEN" ] || return 0
			kill -CONT "$TAKER" 2>/dev/null || true
		fi
		wait "$ASKER" || true
	done
	return 1
}
is_marked() { [ -e "$BOLT_RUN/capsules/$(id_of "$1")/checkpoint" ]; }
unmarked() { ! is_marked "$1"; }

# Who breaks a snapshot off comes back once it is undone; who insists, at once.
broken_off() {
	local status=0
	sleeper held
	bolt capsule start held >/dev/null
	take_and_hold held || fail "$WORLD: a snapshot under way"
	kill -INT "$ASKER"
	sleep 0.5
	check "$WORLD: broken off: it is waited for what becomes of that" test -d "/proc/$ASKER"
	kill -CONT "$TAKER"
	wait "$ASKER" || status=$?
	is "$WORLD: then it says so" '130 bolt: the snapshot was broken off' "$status $(cat "$T/said")"
	check "$WORLD: and nothing of it is left" unmarked held
	status=0
	take_and_hold held || fail "$WORLD: another one under way"
	kill -INT "$ASKER"
	sleep 0.5
	kill -INT "$ASKER"
	wait "$ASKER" || status=$?
	is "$WORLD: asked twice it does not wait" '130 true' "$status $(is_marked held && echo true)"
	like "$WORLD: and says what is to be undone yet" 'broken off .*runs on once' "$(cat "$T/said")"
	refuses "$WORLD: a check meanwhile says what is under way, not what that does to it" 1 'is being taken' bolt capsule snapshot held --check
	kill -CONT "$TAKER"
	check "$WORLD: which it then is" eventually unmarked held
	is "$WORLD: none was taken" "$TAKEN" "$(taken_of held)"
	bolt capsule rm -f held >/dev/null
}

world() {
	trap end_capsules EXIT
	broken_off
	started
	encrypted
	checked
	is "$WORLD: nothing is left" '' "$(leaked)"
}

RUNTIME=runc
if runtime_works runc v1; then WORLD='runc v1' version=v1; else WORLD='runc v2' version=v2; fi
export RUNTIME WORLD
"with_cgroup_$version" surge_state world
