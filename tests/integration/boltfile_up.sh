#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Boltfile's services as capsules: order, health, what is made anew, what fails, output, signals, taking down.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/network.sh"
need_root
need bolt busybox jq crun

export ROOT=$T/root
make_busybox_root "$ROOT"
cd "$T"

service() { printf '[services.%s]\nimage = "%s"\n' "$1" "$ROOT"; }
states() { bolt surge ps --format json "$@" | jq -r '[.[] | "\(.service)\(if .number > 1 then .number else "" end)=\(.state)\(if .state == "exited" then .status else "" end)"] | join(" ")'; }
id_of() { bolt surge ps --format json "$1" | jq -r '.[0].id'; }
# soon WHAT WANTED COMMAND...: the command prints that, within ten seconds.
soon() {
	local what=$1 wanted=$2 got='' i
	shift 2
	for ((i = 0; i < 100; i++)); do
		got=$("$@" 2>&1) || true
		[ "$got" != "$wanted" ] || break
		sleep 0.1
	done
	is "$what" "$wanted" "$got"
}

order() {
	mkdir -p trace
	{
		echo 'project = "order"'
		service web
		echo 'command = ["sh", "-c", "echo web >>/trace/order; exec sleep 100"]'
		echo 'volumes = ["./trace:/trace"]'
		echo 'depends_on = { db = { condition = "healthy" }, seed = { condition = "completed" } }'
		service seed
		echo 'command = ["sh", "-c", "test -e /trace/ready; echo seed >>/trace/order"]'
		echo 'volumes = ["./trace:/trace"]'
		echo 'depends_on = { db = { condition = "healthy" } }'
		service db
		echo 'command = ["sh", "-c", "echo db >>/trace/order; sleep 0.5; touch /trace/ready; exec sleep 100"]'
		echo 'volumes = ["./trace:/trace"]'
		echo 'healthcheck = { test = "test -e /trace/ready", interval = "100ms", retries = 100 }'
	} >Boltfile.toml
	check 'up -d' timeout 60 bolt surge up -d
	soon 'all wait for what they depend on' 'db seed web' bash -c 'echo $(cat trace/order)'
	is 'ps' 'web=running seed=exited0 db=running' "$(states)"
	is 'ps of one' 'db=running' "$(states db)"
	like 'ps as a table' 'order-db +db +/.* running \(healthy\)|up .*healthy' "$(bolt surge ps)"
	check 'down' timeout 60 bolt surge down -t 0
	is 'nothing is left' '' "$(states)$(leftovers)"
}

changes() {
	local web db
	{
		echo 'project = "changes"'
		service web
		echo 'command = ["sleep", "100"]'
		service db
		echo 'command = ["sleep", "100"]'
	} >Boltfile.toml
	timeout 60 bolt surge up -d 2>/dev/null
	web=$(id_of web) db=$(id_of db)
	like 'again: nothing changes' 'changes-web +runs, unchanged' "$(timeout 60 bolt surge up -d 2>&1)"
	is 'both are the same' "$web $db" "$(id_of web) $(id_of db)"
	sed -i '0,/sleep/s/"100"/"101"/' Boltfile.toml
	like 'a change: that one alone' 'changes-web +made anew' "$(timeout 60 bolt surge up -d 2>&1)"
	is 'the other is the same' "$db" "$(id_of db)"
	unlike 'the changed one is another' "$web" "$(id_of web)"
	web=$(id_of web)
	sed -i '0,/^\(image\|capsule\) *=.*/s||pull = "never"\nimage = "localhost/no/where"|' Boltfile.toml
	like 'a change to an image that is nowhere fails' 'changes-web +failed' "$(timeout 60 bolt surge up -d 2>&1)"
	is 'and what ran runs on' "$web web=running" "$(id_of web) $(states web)"
	sed -i -e '/^pull/d' -e "s|localhost/no/where|$ROOT|" Boltfile.toml
	bolt surge stop -t 0 db 2>/dev/null
	like 'stop of one' 'db=exited' "$(states db)"
	bolt surge start db 2>/dev/null
	is 'start of one: the same capsule runs again' "db=running $db" "$(states db) $(id_of db)"
	bolt surge restart -t 0 2>/dev/null
	is 'restart' 'web=running db=running' "$(states)"
	like 'force-recreate' 'changes-db +made anew' "$(timeout 60 bolt surge up -d --force-recreate 2>&1)"
	sed -i '/services.db/,$d' Boltfile.toml
	like 'an orphan is named' "capsule changes-db is of service 'db'" "$(timeout 60 bolt surge up -d 2>&1)"
	timeout 60 bolt surge up -d --remove-orphans 2>/dev/null
	is 'and removed on demand' 'web=running' "$(states)"
	bolt surge down -t 0 2>/dev/null
	bolt capsule create changes-web --image "$ROOT" >/dev/null
	like 'a name that is another capsule'"'"'s' \
		"bolt: changes-web: there is a capsule 'changes-web' already, which is not of this project .bolt capsule rm" \
		"$(timeout 60 bolt surge up -d 2>&1)"
	bolt capsule rm changes-web >/dev/null
}

failures() {
	local said
	{
		echo 'project = "bad"'
		service fine
		echo 'command = ["sleep", "100"]'
		service nothere
		echo 'command = ["no-such-program"]'
		service behind
		echo 'depends_on = ["nothere"]'
		service three
		echo 'command = ["sh", "-c", "exit 3"]'
		service waits
		echo 'depends_on = { three = { condition = "completed" } }'
		service ill
		echo 'depends_on = { fine = { condition = "healthy" } }'
		printf '[services.noimage]\nimage = "%s"\n' "$T/no-root"
	} >Boltfile.toml
	said=$(timeout 60 bolt surge up -d 2>&1) && said="0 $said"
	like 'a program that is not there' "bolt: bad-nothere: 'no-such-program' is not in the container" "$said"
	like 'an image that is not there' 'bolt: bad-noimage: .*No such file or directory' "$said"
	like 'what depends on it' 'bolt: bad-behind: it depends on bad-nothere, which failed' "$said"
	like 'what ended badly' 'bolt: bad-waits: it depends on bad-three, which ended with 3' "$said"
	like 'no health check to wait for' 'bolt: bad-ill: it waits for bad-fine to be healthy, which has no health check' "$said"
	is 'the others run' 'fine=running' "$(states fine)"
	check 'down of what is half there' timeout 60 bolt surge down -t 0
	is 'nothing is left' '' "$(states)$(leftovers)"
	{
		echo 'project = "bad"'
		service sick
		echo 'command = ["sleep", "100"]'
		echo 'healthcheck = { test = "false", interval = "50ms", retries = 2 }'
		service patient
		echo 'depends_on = { sick = { condition = "healthy" } }'
	} >Boltfile.toml
	is 'unhealthy: status 1' 1 "$(status timeout 60 bolt surge up -d)"
	like 'and what depends on it is left out' 'bolt: bad-patient: it depends on bad-sick, which is unhealthy' \
		"$(timeout 60 bolt surge up -d 2>&1)"
	bolt surge down -t 0 2>/dev/null
}

foreground() {
	local pid s=0
	{
		echo 'project = "fg"'
		service one
		echo 'command = ["sh", "-c", "echo out; echo error >&2; printf end"]'
		service many
		echo 'replicas = 2'
		echo 'command = ["sh", "-c", "echo two lines; echo of it"]'
	} >Boltfile.toml
	timeout 60 bolt surge up >out 2>err || s=$?
	is 'up ends when all have ended' 0 "$s"
	is 'standard output, by name' 'many-1 | of it,many-1 | two lines,many-2 | of it,many-2 | two lines,one    | end,one    | out' \
		"$(sort out | paste -sd,)"
	like 'standard error' '^one    \| error$' "$(cat err)"
	is 'logs' "$(sort out)" "$(bolt surge logs 2>/dev/null | sort)"
	is 'logs -n of one without its name' 'of it' "$(bolt surge logs -n 1 --no-log-prefix many 2>/dev/null | sort -u)"
	is 'logs -f FILE' "$(sort out)" "$(bolt surge logs -f Boltfile.toml 2>/dev/null | sort)"
	is 'logs -f ends with them' "$(sort out)" "$(timeout 20 bolt surge logs -f 2>/dev/null | sort)"
	bolt surge down 2>/dev/null
	{
		echo 'project = "fg"'
		service one
		echo 'command = ["sh", "-c", "trap \"echo bye; exit 0\" TERM; echo ready; while :; do sleep 0.1; done"]'
		service two
		echo 'command = ["sh", "-c", "trap \"exit 0\" TERM; while :; do sleep 0.1; done"]'
	} >Boltfile.toml
	bolt surge up >out 2>err &
	pid=$!
	soon 'it runs' 'one=running two=running' states
	soon 'and prints' 'one | ready' cat out
	kill -INT "$pid"
	s=0
	wait "$pid" || s=$?
	is '^C stops all: 128 + SIGINT' '130 one=exited0 two=exited0' "$s $(states)"
	bolt surge down -t 0 2>/dev/null
	is 'nothing is left' '' "$(leftovers)"
}

parts() {
	{
		echo 'project = "parts"'
		service a
		echo 'command = ["sh", "-c", "echo kept >/data/x; exec sleep 100"]'
		echo 'volumes = ["data:/data"]'
		echo 'environment = { GREETING = "hello" }'
		echo '[volumes.data]'
	} >Boltfile.toml
	timeout 60 bolt surge up -d 2>/dev/null
	soon 'a volume of the file' kept cat "$BOLT_DATA/volumes/parts-data/x"
	bolt surge down -t 0 2>/dev/null
	is 'down leaves it' kept "$(cat "$BOLT_DATA/volumes/parts-data/x")"
	timeout 60 bolt surge up -d 2>/dev/null
	bolt surge down -v -t 0 2>/dev/null
	is 'down -v takes it' '' "$(ls "$BOLT_DATA/volumes")"
	sed -i 's/\[volumes.data\]/[volumes.data]\nexternal = true/' Boltfile.toml
	refuses 'an external volume that is not there' 1 "volume 'data' is external, and there is none" timeout 60 bolt surge up -d
}

many() {
	local i pid left
	{
		echo 'project = "many"'
		for ((i = 0; i < 20; i++)); do
			service "s$i"
			echo 'command = ["sh", "-c", "trap \"exit 0\" TERM; while :; do sleep 0.1; done"]'
		done
	} >Boltfile.toml
	check 'twenty at once' timeout 60 bolt surge up -d
	is 'all run' 20 "$(states | grep -o running | wc -l)"
	# Whenever it is broken off, while supervisors are on their way: it ends, and nothing runs.
	for i in 0.006 0.009 0.012 0.015 0.02 0.03 0.05; do
		bolt surge stop -t 0 2>/dev/null
		bolt surge up >out 2>&1 &
		pid=$!
		sleep "$i"
		kill -TERM "$pid"
		for ((left = 600; left > 0; left--)); do
			! kill -0 "$pid" 2>/dev/null || sleep 0.05
		done
		is "broken off after $i s it ends" ended "$(kill -KILL "$pid" 2>/dev/null || echo ended)"
		wait "$pid" || true
		is 'and leaves nothing running' 0 "$(states | grep -co running)"
	done
	check 'and go at once' timeout 60 bolt surge down -t 0
	is 'nothing is left' '' "$(leftovers)"
}

for part in order changes failures foreground parts many; do
	own_state in_network "$part"
done
