#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt capsule logs, wait: what a detached capsule printed, to the byte, over rotation and killed supervisors.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule_lib.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"

# asks PID NUMBER: so many supervisors are asked by it.
asks() { [ "$(find "/proc/$1/fd" -lname 'socket:*' | wc -l)" -ge "$2" ]; }

logs_up() { bolt capsule logs "$1" 2>/dev/null | grep -q up; }

# Of what is removed when it ends nothing can be read; both have ended before the first is told of.
removed() {
	local waiter status
	bolt surge run -d --rm --runtime "$RUNTIME" --name five "$ROOT" sh -c 'trap "exit 5" USR1; echo up; while :; do sleep 0.02; done' >/dev/null
	bolt surge run -d --rm --runtime "$RUNTIME" --name six "$ROOT" sh -c 'trap "exit 6" USR1; echo up; while :; do sleep 0.02; done' >/dev/null
	# Before its trap the first process takes no such signal.
	until_true logs_up five
	until_true logs_up six
	bolt capsule wait five six >"$T/waited" &
	waiter=$!
	check "$WORLD: wait asks both supervisors" until_true asks "$waiter" 2
	bolt capsule stop -s USR1 six five >/dev/null
	wait "$waiter" && status=0 || status=$?
	is "$WORLD: wait for those that are gone then" 0 "$status"
	is "$WORLD: tells how they ended" '5 6' "$(xargs <"$T/waited")"
	refuses "$WORLD: a name that is none is told before anything is waited for" 1 "no capsule 'nobody'" \
		bolt capsule wait talk nobody
}

words() {
	local before
	started talk -- sh -c 'echo out; echo err >&2; printf "\377\000\n"; printf "no end"; exit 3'
	is "$WORLD: wait prints the status" 3 "$(bolt capsule wait talk)"
	is "$WORLD: wait of one that has ended" 3 "$(bolt capsule wait talk)"
	is "$WORLD: bytes as they were" "$(printf 'out\n\377\000\nno end' | md5sum)" "$(logs talk 2>/dev/null | md5sum)"
	is "$WORLD: standard error there" err "$(logs talk 2>&1 >/dev/null)"
	is "$WORLD: -f of one that has ended ends" "$(logs talk 2>/dev/null | md5sum)" "$(timeout 20 bolt capsule logs -f talk 2>/dev/null | md5sum)"
	is "$WORLD: the last line" 'no end' "$(logs --tail 1 talk 2>/dev/null)"
	is "$WORLD: none" '' "$(logs -n 0 talk 2>&1)"
	like "$WORLD: times" '^20[0-9-]+T[0-9:]+\.[0-9]{9}Z out$' "$(logs -t talk 2>/dev/null | head -1)"
	before=$(date -u -d '1 hour ago' +%FT%TZ)
	is "$WORLD: since before" out "$(logs --since "$before" talk 2>/dev/null | head -1)"
	is "$WORLD: since 1 h ago" out "$(logs --since 1h talk 2>/dev/null | head -1)"
	is "$WORLD: until before" '' "$(logs --until "$before" talk 2>&1)"
	bolt capsule start talk >/dev/null
	bolt capsule wait talk >/dev/null
	is "$WORLD: the next start goes on in the same log" 2 "$(logs talk 2>/dev/null | grep -c '^out\|end.*out')"
	refuses "$WORLD: no moment" 1 "--since 'x': no moment.*such as 10m" bolt capsule logs --since x talk
	refuses "$WORLD: no number" 1 "--tail '-3': must be a number of lines" bolt capsule logs --tail=-3 talk
	refuses "$WORLD: no capsule" 1 "no capsule 'nobody'" bolt capsule logs nobody
	refuses "$WORLD: waiting for none" 1 "no capsule 'nobody'" bolt capsule wait nobody
	removed
	gone talk
	made still -- true
	is "$WORLD: one that never ran has no log" '' "$(logs still 2>&1)"
	refuses "$WORLD: nor an end" 1 'was never started' bolt capsule wait still
	gone still
	refuses "$WORLD: a log option" 125 'max-size=1.*at least 4k' made bad --log-opt max-size=1 -- true
	refuses "$WORLD: another" 125 "'max-fill'.*max-file" made bad --log-opt max-fill=1 -- true
}

# Every line once and in order for a follower, while most of them are rotated away behind it.
rotation() {
	local lines=200000 follower
	made loud --log-opt max-size=64k --log-opt max-file=3 -- sh -c "[ ! -e /done ] || exit 0; until [ -e /go ]; do sleep 0.05; done; seq 1 $lines; touch /done"
	bolt capsule start loud >/dev/null
	timeout 120 bolt capsule logs -f loud >"$T/followed" &
	follower=$!
	# It has the log open before anything is written.
	until_true sh -c "ls -l /proc/$follower/task/*/children >/dev/null && ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q 00000001.log"
	sleep 0.2
	bolt capsule exec loud touch /go
	is "$WORLD: $lines lines, and its end" 0 "$(bolt capsule wait loud)"
	wait "$follower"
	check "$WORLD: the follower has every line once, in order" cmp "$T/followed" <(seq 1 $lines)
	# What a follower held is removed when the log is written again.
	bolt capsule start loud >/dev/null
	bolt capsule wait loud >/dev/null
	is "$WORLD: three files are kept" 3 "$(find "$(bolt capsule inspect loud | jq -r '.[0].log')" -name '*.log' | wc -l)"
	check "$WORLD: the lines that are kept are the last" cmp <(logs loud) <(seq 1 $lines | tail -n "$(logs loud | wc -l)")
	is "$WORLD: the last hundred" "$(seq 1 $lines | tail -100 | md5sum)" "$(logs --tail 100 loud | md5sum)"
	gone loud
}

# A killed supervisor costs nothing that its capsule prints.
killed_supervisor() {
	local i
	started lives -- sh -c 'i=0; while [ $i -lt 40 ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done; until [ -e /end ]; do sleep 0.05; done'
	for ((i = 0; i < 3; i++)); do
		sleep 0.3
		kill -9 "$(supervisor lives)"
		# The next command that asks for it brings another one.
		bolt capsule kill -s CONT lives >/dev/null
	done
	bolt capsule exec lives touch /end
	bolt capsule wait lives >/dev/null
	is "$WORLD: all lines, supervisors killed three times" "$(for ((i = 1; i <= 40; i++)); do echo "line $i"; done | md5sum)" \
		"$(logs lives 2>/dev/null | md5sum)"
	like "$WORLD: the log says so" 'bolt: the supervisor was killed' "$(logs lives 2>&1 >/dev/null)"
	gone lives
}

# Nor one that is killed while it carries a stream of lines: each is there once.
killed_carrier() {
	local i lines=120000
	started carried -- sh -c "until [ -e /go ]; do sleep 0.02; done; seq 1 $lines; touch /done; until [ -e /end ]; do sleep 0.05; done"
	bolt capsule exec carried touch /go
	for ((i = 0; i < 12; i++)); do
		sleep 0.0$((i * 7 % 10))
		kill -9 "$(supervisor carried)"
		bolt capsule kill -s CONT carried >/dev/null
	done
	until_true bolt capsule exec carried test -e /done
	bolt capsule exec carried touch /end
	bolt capsule wait carried >/dev/null
	check "$WORLD: every line once, its supervisor killed twelve times" cmp <(logs carried 2>/dev/null) <(seq 1 $lines)
	gone carried
}

# Nor what a terminal shows.
killed_terminal() {
	local i lines=60000
	started shown -t -- sh -c "until [ -e /go ]; do sleep 0.02; done; seq 1 $lines; touch /done; until [ -e /end ]; do sleep 0.05; done"
	bolt capsule exec shown touch /go
	for ((i = 0; i < 12; i++)); do
		sleep 0.0$((i * 7 % 10))
		kill -9 "$(supervisor shown)"
		bolt capsule kill -s CONT shown >/dev/null
	done
	until_true bolt capsule exec shown test -e /done
	bolt capsule exec shown touch /end
	bolt capsule wait shown >/dev/null
	check "$WORLD: every line of a terminal once, its supervisor killed twelve times" cmp <(logs shown 2>/dev/null | tr -d '\r') <(seq 1 $lines)
	gone shown
}

# What is still in its pipes when its supervisor is killed outlives the capsule, too: ended by itself or killed, until
# somebody comes. The pieces are as large as a pipe.
killed_both() {
	local how=$1 init size=65000 pid
	shift
	started both "$@" -- sh -c "until [ -e /go ]; do sleep 0.02; done
		head -c $size /dev/zero | tr '\\0' o; [ -t 1 ] || head -c $size /dev/zero | tr '\\0' e >&2; touch /done
		until [ -e /end ]; do sleep 0.02; done"
	init=$(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/init)
	holder=$(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/holder)
	pid=$(supervisor both)
	# Written only once nobody reads.
	kill -STOP "$pid"
	touch "/proc/$init/root/go"
	[ "$how" = terminal ] || until_true test -e "/proc/$init/root/done"
	kill -9 "$pid"
	case $how in
	ends) touch "/proc/$init/root/end" ;;
	killed) kill -9 "$init" ;;
	terminal)
		# As much as a terminal takes before its program waits.
		sleep 0.3
		kill -9 "$init"
		;;
	holder) kill -9 "$holder" "$init" ;;
	esac
	until_true vanished "$init"
}

vanished() { [ ! -d "/proc/$1" ] || grep -q '^State:.*[ZX]' "/proc/$1/status"; }

lost_nothing() {
	local how
	for how in ends killed; do
		killed_both "$how"
		like "$WORLD: both dead ($how): ps says so" dead "$(bolt capsule ps -a)"
		is "$WORLD: both dead ($how): the next command shows all of its standard output" 65000 "$(logs both 2>/dev/null | tr -dc o | wc -c)"
		is "$WORLD: both dead ($how): and of its standard error" 65000 "$(logs both 2>&1 >/dev/null | grep -v '^bolt: ' | tr -dc e | wc -c)"
		check "$WORLD: both dead ($how): who held it has gone" until_true vanished "$holder"
		gone both
	done
	killed_both terminal -t
	like "$WORLD: both dead: what a terminal had shown" '^o{4000,}$' "$(logs both 2>/dev/null)"
	check "$WORLD: both dead: who held the terminal has gone" until_true vanished "$holder"
	gone both
	# With its restart policy it runs again, with what it wrote before in its log.
	killed_both killed --restart always
	bolt capsule start both >/dev/null
	is "$WORLD: both dead, restarted: its output is there" 65000 "$(logs both 2>/dev/null | tr -dc o | wc -c)"
	gone both
	# Nobody is left who could know: that is said.
	killed_both holder
	like "$WORLD: all three dead: it is said that something may be missing" 'its last output is missing here' "$(logs both 2>&1 >/dev/null)"
	gone both
}

# One who holds is replaced, and does not stay when nobody knows of it any more.
holders() {
	local first run
	started held -- sleep 1000
	run=$BOLT_RUN/capsules/$(bolt capsule inspect held | jq -r '.[0].id')
	first=$(cut -d' ' -f1 "$run/holder")
	sleep 1.1
	kill -9 "$first"
	check "$WORLD: a killed holder is replaced" until_true another_holder "$run" "$first"
	first=$(cut -d' ' -f1 "$run/holder")
	kill -9 "$(supervisor held)"
	bolt capsule kill -s CONT held >/dev/null
	check "$WORLD: another supervisor has a holder of its own" another_holder "$run" "$first"
	check "$WORLD: and ends the former one" until_true vanished "$first"
	first=$(cut -d' ' -f1 "$run/holder")
	bolt capsule stop -t 0 held >/dev/null
	check "$WORLD: it ends with the capsule" vanished "$first"
	bolt capsule start held >/dev/null
	first=$(cut -d' ' -f1 "$run/holder")
	rm "$run/holder"
	kill -9 "$(supervisor held)"
	check "$WORLD: it goes by itself when it is not named" until_true vanished "$first"
	gone held
}

# What its program reads does not end with the supervisor, and still ends when somebody wants it to.
kept_input() {
	local pid
	started reads -i -- sh -c 'while read -r line; do echo "got $line"; done; echo end; sleep 1000'
	kill -9 "$(supervisor reads)"
	sleep 0.2
	unlike "$WORLD: a killed supervisor does not end its input" end "$(logs reads)"
	pid=$(supervisor reads)
	kill -9 "$pid"
	until_true vanished "$pid"
	printf 'two\nthree\n' | bolt capsule attach reads >/dev/null 2>&1 &
	check "$WORLD: attach brings the next one, which gives it what is typed" until_true said reads 'got three'
	gone reads
	wait $! || true
	made reads -i -- sh -c 'while read -r line; do echo "got $line"; done; echo end; sleep 1000'
	printf 'four\n' | bolt capsule start -ai reads >/dev/null 2>&1 &
	check "$WORLD: its end still comes when it is asked for" until_true said reads end
	gone reads
	wait $! || true
}
said() { logs "$1" 2>/dev/null | grep -q "^$2$"; }

another_holder() { [ "$(cut -d' ' -f1 "$1/holder")" != "$2" ] && ! vanished "$(cut -d' ' -f1 "$1/holder")"; }

waiting() {
	local i pids=()
	started brief -- sleep 1
	for ((i = 0; i < 5; i++)); do
		timeout 20 bolt capsule wait brief >"$T/waited.$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "$WORLD: many may wait" 00000 "$(cat "$T"/waited.* | tr -d '\n')"
	gone brief
}

all() {
	words
	rotation
	killed_supervisor
	killed_carrier
	killed_terminal
	lost_nothing
	holders
	kept_input
	waiting
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

each_world all
USER_RUNTIMES=crun each_user_world all
