#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt capsule attach, start -a: the streams of detached capsules.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule_lib.sh"
need_root
need bolt busybox jq runc script

export ROOT=$T/root
make_busybox_root "$ROOT"

attached_from_the_start() {
	local s
	made talk -- sh -c 'echo out; echo err >&2; exit 7'
	s=0
	bolt capsule start -a talk >"$T/out" 2>"$T/err" || s=$?
	is "$WORLD: start -a shows all, and leaves with the status" 'out err 7' "$(cat "$T/out") $(cat "$T/err") $s"
	gone talk
	made cat -i -- cat
	head -c 300000 /dev/urandom >"$T/big"
	is "$WORLD: input, its end and all output" "$(md5sum <"$T/big")" "$(bolt capsule start -ai cat <"$T/big" | md5sum)"
	is "$WORLD: and the log has it" "$(md5sum <"$T/big")" "$(bolt capsule logs cat | md5sum)"
	is "$WORLD: it can be started again at once" hello "$(echo hello | bolt capsule start -ai cat)"
	gone cat
	made bad -- /nosuch
	refuses "$WORLD: one that cannot be started" 127 "'/nosuch' is not in the container" bolt capsule start -a bad
	gone bad
}

several() {
	local one two s
	# The world before has left its own, which a background command empties only when it runs.
	rm -f "$T/one" "$T/two" "$T/three"
	started echo -i -- sh -c 'while read -r l; do echo "got $l"; [ "$l" != end ] || exit 5; done'
	timeout 30 bolt capsule attach --no-stdin echo >"$T/one" &
	one=$!
	mkfifo "$T/typed"
	timeout 30 bolt capsule attach echo <"$T/typed" >"$T/two" &
	two=$!
	exec 9>"$T/typed"
	# Whoever is attached later does not see what came before: one line after another until both have.
	until_true sh -c 'echo first >&9; sleep 0.1; grep -q first "$1" && grep -q first "$2"' sh "$T/one" "$T/two"
	# Who comes later sees what comes later; its end of input is not the program's.
	timeout 30 bolt capsule attach --sig-proxy=false echo >"$T/three" < <(echo second; sleep 1) &
	until_true grep -q 'got second' "$T/three"
	kill -TERM $!
	wait $! 2>/dev/null || true
	echo end >&9
	exec 9>&-
	s=0
	wait "$one" || s=$?
	is "$WORLD: the exit status is the capsule's" 5 "$s"
	wait "$two" || true
	is "$WORLD: both saw it" 'got first;got second;got end;got first;got second;got end;' "$(uniq "$T/one" | cat - <(uniq "$T/two") | tr '\n' ';')"
	refuses "$WORLD: one that has ended" 125 'does not run.*bolt capsule start' bolt capsule attach echo
	rm "$T/typed"
	gone echo
}

# One who reads nothing must not hold the capsule up.
slow() {
	started loud -- sh -c 'sleep 0.5; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); head -c 20000 /dev/zero | tr "\0" x; echo; done'
	timeout 60 bolt capsule attach --no-stdin loud > >(sleep 4; wc -c >"$T/size") 2>"$T/said" &
	is "$WORLD: it comes to its end" 0 "$(timeout 50 bolt capsule wait loud)"
	is "$WORLD: the log has all" 6000300 "$(bolt capsule logs loud | wc -c)"
	wait $! || true
	gone loud
}

signals() {
	local s
	started trap -- sh -c 'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
	until_true sh -c 'bolt capsule logs trap | grep -q ready'
	bolt capsule attach --no-stdin trap >"$T/out" &
	sleep 0.5
	kill -TERM $!
	s=0
	wait $! || s=$?
	is "$WORLD: a signal is handed on" '9 caught' "$s $(cat "$T/out")"
	gone trap
}

terminal() {
	local out
	made tty -it -- sh -c 'stty size; read -r l; echo "got $l"; sleep 30'
	bolt capsule start tty >/dev/null
	out=$( (sleep 0.7; echo typed; sleep 0.7; printf '\020\021') | timeout 20 script -qec 'bolt capsule attach tty' /dev/null)
	like "$WORLD: a terminal echoes and answers" 'got typed' "$out"
	is "$WORLD: the keys have left it running" running "$(bolt capsule inspect tty | jq -r '.[0].state')"
	refuses "$WORLD: without a terminal of one's own" 125 'standard input is none.*--no-stdin' bolt capsule attach tty </dev/null
	refuses "$WORLD: no such keys" 125 "no keys 'ctrl-1'" bolt capsule attach --detach-keys ctrl-1 tty
	bolt capsule stop -t 0 tty >/dev/null
	gone tty
}

all() {
	attached_from_the_start
	several
	slow
	signals
	terminal
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

each_world all
USER_RUNTIMES=crun each_user_world all
