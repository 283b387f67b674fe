#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run: exit statuses, signals, streams, terminal.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"
# Programs that the kernel refuses: only it knows, and what it says comes too late for the runtimes to tell.
printf '#!/no/such/shell\n' >"$ROOT/bad-interpreter"
printf '#!/opt/sh\n' >"$ROOT/interpreter-in-volume"
printf '#!/bin/sh\r\necho no\r\n' >"$ROOT/dos"
printf 'echo no\n' >"$ROOT/text"
printf '\177ELF' >"$ROOT/cut-off"
{
	head -c 18 "$ROOT/bin/busybox"
	printf '\363\000' # EM_RISCV
	head -c 4096 "$ROOT/bin/busybox" | tail -c +21
} >"$ROOT/riscv"
chmod 755 "$ROOT"/{bad-interpreter,interpreter-in-volume,dos,text,cut-off,riscv}
mkdir -p "$T/opt"
cp "$ROOT/bin/busybox" "$T/opt/sh"

statuses() {
	local i wrong=0 all='0 1 2 3 42 64 124 125 126 127 128 129 130 137 143 200 254 255'
	# Every one once, with the first runtime; the others add nothing but time.
	[ -e "$T/statuses" ] || all=$(seq 0 255)
	: >"$T/statuses"
	for i in $all; do
		[ "$(status surge "$ROOT" sh -c "exit $i")" = "$i" ] || wrong=$((wrong + 1))
	done
	is "$WORLD: every exit status passes through" 0 "$wrong"
	is "$WORLD: a program that is not there" 127 "$(status surge "$ROOT" nosuch)"
	is "$WORLD: a path that is not there" 127 "$(status surge "$ROOT" /no/such)"
	is "$WORLD: a file that is not executable" 126 "$(status surge "$ROOT" /etc/passwd)"
	is "$WORLD: a directory" 126 "$(status surge "$ROOT" /etc)"
	refuses "$WORLD: 127 says what is missing" 127 "'nosuch' is not in the container" surge "$ROOT" nosuch
	refuses "$WORLD: a program with an empty name" 127 'empty name' surge "$ROOT" ''
	refuses "$WORLD: a script whose interpreter is missing" 126 "/bad-interpreter.*its interpreter /no/such/shell is not there" \
		surge "$ROOT" /bad-interpreter
	is "$WORLD: one whose interpreter comes with a volume" 0 "$(status surge -v "$T/opt:/opt" "$ROOT" /interpreter-in-volume)"
	refuses "$WORLD: a script with the line ends of DOS" 126 'line ends of DOS' surge "$ROOT" /dos
	if [ -z "$(ls /proc/sys/fs/binfmt_misc 2>/dev/null)" ]; then
		refuses "$WORLD: a text" 126 "/text.*not a program.*needs a first line" surge "$ROOT" /text
		refuses "$WORLD: a program that is cut off" 126 "/cut-off.*not a program for this machine\$" surge "$ROOT" /cut-off
		refuses "$WORLD: another machine's" 126 "/riscv.*not a program for this machine\$" surge "$ROOT" /riscv
	fi
	is "$WORLD: a program that kills itself" 137 "$(status surge "$ROOT" sh -c 'sh -c "kill -9 \$\$"; exit $?')"
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

streams() {
	local out big
	out=$(surge "$ROOT" sh -c 'echo out; echo err >&2' 2>"$T/err")
	is "$WORLD: standard output" out "$out"
	is "$WORLD: standard error" err "$(cat "$T/err")"
	is "$WORLD: input with -i" hello "$(echo hello | surge -i "$ROOT" cat)"
	is "$WORLD: no input without -i" '' "$(echo hello | surge "$ROOT" cat)"
	head -c 3000000 /dev/urandom >"$T/big"
	big=$(surge -i "$ROOT" cat <"$T/big" | cmp - "$T/big" 2>&1 && echo same)
	is "$WORLD: three megabytes through both pipes" same "$big"
	is "$WORLD: a reader that leaves" 0 "$(
		set +o pipefail
		status timeout 20 bash -c 'bolt surge run --rm --runtime "$RUNTIME" "$ROOT" yes | head -n 1'
	)"
	is "$WORLD: output that cannot be written is no success" 125 "$(status_full surge "$ROOT" echo lost)"
	like "$WORLD: and is told" 'No space left' "$(surge "$ROOT" echo lost 2>&1 >/dev/full)"
	is "$WORLD: the program's own failure counts more" 3 "$(status_full surge "$ROOT" sh -c 'echo lost; exit 3')"
	is "$WORLD: anybody may open /dev/stdout" ok "$(inside -u 1000 -- 'echo ok >/dev/stdout')"
}

status_full() {
	local s=0
	"$@" >/dev/full 2>&1 || s=$?
	echo "$s"
}

# signalled SIGNAL TRAPPED: what becomes of a program that gets it through bolt.
signalled() {
	local pid i said=$T/ready.$BASHPID # named here: the redirection below belongs to another process
	: >"$said"
	bolt surge run --rm --runtime "$RUNTIME" "$ROOT" sh -c "$2 echo ready; while :; do sleep 0.05; done" >"$said" 2>/dev/null &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q ready "$said" || break
		sleep 0.05
	done
	kill "-$1" "$pid"
	wait "$pid"
}

signals() {
	local s
	for s in HUP INT QUIT TERM USR1 USR2 WINCH; do
		is "$WORLD: SIG$s is handed on" 42 "$(status signalled "$s" "trap 'exit 42' $s;")"
	done
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

stubborn() {
	local pid i
	: >"$T/stubborn" # the last world's word is not this one's
	bolt surge run --rm --runtime "$RUNTIME" "$ROOT" sh -c 'trap "" INT TERM; echo ready; while :; do sleep 0.05; done' >"$T/stubborn" 2>&1 &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q ready "$T/stubborn" || break
		sleep 0.05
	done
	kill -TERM "$pid"
	sleep 0.2
	check "$WORLD: one request does not end a program that ignores it" kill -0 "$pid"
	kill -TERM "$pid"
	sleep 0.1
	kill -TERM "$pid"
	i=0
	wait "$pid" || i=$?
	is "$WORLD: the third one does" 137 "$i"
}

# The caller's terminal is tmux's, so that size, raw mode and keys are real.
terminal() {
	local tmux=(tmux -L "nvb-$BASHPID" -f /dev/null) i screen
	command -v tmux >/dev/null || return 0
	"${tmux[@]}" new-session -d -x 97 -y 33 "env PATH='$PATH' ROOT='$ROOT' bash --norc"
	"${tmux[@]}" send-keys "bolt surge run --rm -it --runtime $RUNTIME $ROOT sh -c 'trap \"exit 130\" INT; stty size; tty; read x; echo got-\$x; sleep 100'; echo status-\$?" Enter
	for ((i = 0; i < 100; i++)); do
		screen=$("${tmux[@]}" capture-pane -p)
		! grep -q '^/dev/pts/0' <<<"$screen" || break
		sleep 0.05
	done
	like "$WORLD: the terminal has the caller's size" '^33 97' "$screen"
	like "$WORLD: and is the container's own" '^/dev/pts/0' "$screen"
	"${tmux[@]}" send-keys 'abc' Enter
	for ((i = 0; i < 100; i++)); do
		screen=$("${tmux[@]}" capture-pane -p)
		! grep -q '^got-' <<<"$screen" || break
		sleep 0.05
	done
	like "$WORLD: keys arrive" '^got-abc' "$screen"
	"${tmux[@]}" send-keys C-c
	for ((i = 0; i < 100; i++)); do
		screen=$("${tmux[@]}" capture-pane -p)
		! grep -q 'status-[0-9]' <<<"$screen" || break
		sleep 0.05
	done
	like "$WORLD: ^C is a key for the container's terminal" 'status-130$' "$screen"
	"${tmux[@]}" send-keys 'stty -a | grep -o "[-]*icanon"' Enter
	for ((i = 0; i < 100; i++)); do
		screen=$("${tmux[@]}" capture-pane -p)
		! grep -q '^-*icanon' <<<"$screen" || break
		sleep 0.05
	done
	like "$WORLD: the caller's terminal is as before" '^icanon' "$screen"
	"${tmux[@]}" kill-server
}

world() {
	streams
	signals
	stubborn
	terminal
	is "$WORLD: -t without a terminal of the caller's" /dev/pts/0 "$(surge -t "$ROOT" tty </dev/null | tr -d '\r')"
	refuses "$WORLD: -it without one" 125 'no terminal' surge -it "$ROOT" true </dev/null
	statuses
}
each_world world
each_user_world world
