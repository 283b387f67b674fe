#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots of capsules without GPUs: programs, files, streams and terminals go on where they were, under a supervisor as any
# other capsule; in the same capsule and in a new one. What cannot be saved is refused and runs on.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/surge.sh
. "$(dirname "$0")/surge.sh"
# shellcheck source=tests/integration/capsule.sh
. "$(dirname "$0")/capsule.sh"
# shellcheck source=tests/integration/checkpoint_lib.sh
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt busybox jq runc python3
need_criu
export T ROOT=$T/root
make_busybox_root "$ROOT"
mkdir -p "$T/volume/in" "$ROOT/real"
ln -s real "$ROOT/linked"
cat >"$ROOT/bin/serve" <<'END'
#!/bin/sh
i=0
while read -r line; do i=$((i+1)); echo "answer $i to $line"; done
END
chmod +x "$ROOT/bin/serve"
echo kept >"$T/volume/file"
# A count in memory, in a file and on standard output.
export counting='i=0; while true; do i=$((i+1)); echo "n $i"; echo $i >/count.new; mv /count.new /count; sleep 0.05; done'

last() { bolt capsule logs "$1" 2>/dev/null | tr -d '\r' | sed -n 's/^n //p' | tail -n 1; }
# in_order NAME: its log counts without a gap or a repetition.
in_order() { bolt capsule logs "$1" | tr -d '\r' | sed -n 's/^n //p' | awk 'NR > 1 && $1 != before + 1 {exit 1} {before = $1}'; }
printed() { [ "$(last "$1")" -gt "$2" ]; }
on() { # NAME: it prints further.
	local before
	before=$(last "$1")
	eventually printed "$1" "${before:-0}"
}

# counts_on WHAT NAME [OPTION...]: saved and restored, its log has no gap.
counts_on() {
	local what="$WORLD: $1" name=$2 id
	shift 2
	create "$name" "$@" -- sh -c "$counting" >/dev/null && bolt capsule start "$name" >/dev/null || {
		fail "$what: starts"
		return
	}
	on "$name" || fail "$what: counts"
	id=$(bolt capsule snapshot "$name") || {
		fail "$what: a snapshot"
		bolt capsule rm -f "$name" >/dev/null
		return
	}
	like "$what: its id" '^[0-9a-f]{16}$' "$id"
	is "$what: it is stopped by that" exited "$(shown "$name" | cut -d' ' -f2)"
	check "$what: restored" bolt capsule restore "$id"
	check "$what: goes on" on "$name"
	check "$what: and loses no line, repeats none" in_order "$name"
	is "$what: exec runs in it" yes "$(bolt capsule exec "$name" echo yes)"
	bolt capsule stop -t 0 "$name" >/dev/null
	is "$what: it stops" exited "$(shown "$name" | cut -d' ' -f2)"
	bolt capsule rm "$name" >/dev/null
}

# mounts_of NAME: what is mounted in it, of which file system's directory, and how. Of masks the time of access may differ.
mounts_of() { awk '$4 != "/null" {print $4, $5, $6}' "/proc/$(init_of "$1")/mountinfo" | sort; }

# Of two mounts of one file system that are alike CRIU forbids writing to the first alone.
mounted() {
	local before twice
	mkdir -p "$T/volume/a" "$T/volume/b"
	create mounts -v "$T/volume:/data" -v "$T/volume/a:/a:ro" -v "$T/volume/b:/b:ro" -v "$T/volume/file:/file:ro" -- sleep 1000 >/dev/null
	bolt capsule start mounts >/dev/null
	before=$(mounts_of mounts)
	for twice in once twice; do
		bolt capsule snapshot mounts >/dev/null
		bolt capsule restore mounts >/dev/null
		is "$WORLD: $twice restored: mounts are what they were, and read-only where they were" "$before" "$(mounts_of mounts)"
		bolt capsule exec mounts sh -c 'echo x >/a/x; echo x >/b/x; echo x >/file; echo x >/data/x' 2>/dev/null || true
		is "$WORLD: $twice restored: nothing was written through them" 'kept ' "$(cat "$T/volume/file") $(find "$T/volume/a" "$T/volume/b" -mindepth 1)"
		check "$WORLD: $twice restored: but to a volume that it may" rm "$T/volume/x"
	done
	bolt capsule rm -f mounts >/dev/null
}

kinds() {
	mounted
	counts_on 'a pipe for input' snap-i -i
	counts_on 'a terminal' snap-t -t
	counts_on 'volumes, tmpfs' snap-v -v "$T/volume:/data" -v "$T/volume/file:/etc/one:ro" -v "$T/volume:/linked/data" --tmpfs /scratch
	counts_on 'no network' snap-n --network none
	counts_on 'privileged' snap-p --privileged
}

# asked WORD: what the other end of the connection answers.
asked() {
	local answer=
	echo "$1" >&"$PEER"
	read -r -t 10 -u "$PEER" answer || true
	echo "$answer"
}

# The other end is a program of the host, which waits while there is nobody.
connection() {
	command -v iptables-restore >/dev/null && iptables -S >/dev/null 2>&1 || {
		echo '# left out: CRIU keeps connections silent by iptables'
		return
	}
	local port=$((20000 + RANDOM % 20000))
	create server -- nc -l -p "$port" -e /bin/serve >/dev/null
	bolt capsule start server >/dev/null
	eventually eval "exec {PEER}<>/dev/tcp/127.0.0.1/$port" || {
		fail "$WORLD: a server to connect to"
		return
	}
	is "$WORLD: a connection" 'answer 1 to one' "$(asked one)"
	refuses "$WORLD: is refused without --tcp" 1 'TCP connection' bolt capsule snapshot server
	check "$WORLD: kept with it" bolt capsule snapshot server --tcp --leave-running
	is "$WORLD: it goes on" 'answer 2 to two' "$(asked two)"
	check "$WORLD: and of one that is stopped" bolt capsule snapshot server --tcp
	is "$WORLD: it is" exited "$(shown server | cut -d' ' -f2)"
	check "$WORLD: restored" bolt capsule restore server
	is "$WORLD: the other end has noticed nothing" 'answer 3 to three' "$(asked three)"
	exec {PEER}>&-
	bolt capsule rm -f server >/dev/null
}

# What was typed before and after.
input() {
	local id
	create reader -i -- sh -c 'while read -r line; do echo "got $line"; done; sleep 1000' >/dev/null
	bolt capsule start reader >/dev/null
	(echo one && sleep 0.3) | timeout 5 bolt capsule attach --sig-proxy=false reader >/dev/null 2>&1 || true
	logged reader 'got one' || fail "$WORLD: it reads"
	id=$(bolt capsule snapshot reader)
	bolt capsule restore "$id" >/dev/null
	(echo two && sleep 0.3) | timeout 5 bolt capsule attach --sig-proxy=false reader >/dev/null 2>&1 || true
	check "$WORLD: input goes on after a restore" logged reader 'got two'
	bolt capsule rm -f reader >/dev/null
}

running_on() {
	local first second
	create run -- sh -c "$counting" >/dev/null
	bolt capsule start run >/dev/null
	on run
	first=$(bolt capsule snapshot run --leave-running --comment 'the first')
	is "$WORLD: --leave-running leaves it so" running "$(shown run | cut -d' ' -f2)"
	check "$WORLD: it counts on" on run
	check "$WORLD: without a gap" in_order run
	bolt capsule exec run sh -c 'echo later >/later'
	second=$(bolt capsule snapshot run --leave-running)
	refuses "$WORLD: one that runs is not restored over" 1 'is running' bolt capsule restore "$second"
	check "$WORLD: but into a new one beside it" bolt capsule restore "$second" --name twin
	check "$WORLD: which counts on" on twin
	is "$WORLD: with the files of that moment" later "$(bolt capsule exec twin cat /later)"
	check "$WORLD: and in a control group of its own" test -n "$(processes_of "$(id_of twin)")"
	check "$WORLD: while the first goes on" on run
	bolt capsule stop -t 0 run >/dev/null
	check "$WORLD: back to the first" bolt capsule restore run@1
	refuses "$WORLD: whose files are gone again" 1 "can't open" bolt capsule exec run cat /later
	check "$WORLD: it goes on" on run
	bolt capsule rm -f run twin >/dev/null
	check "$WORLD: a capsule that was removed comes back as another" bolt capsule restore "$first" --name again
	check "$WORLD: and counts on" on again
	refuses "$WORLD: a name that is taken" 1 'belongs to capsule' bolt capsule restore "$first" --name again
	bolt capsule rm -f again >/dev/null
	refuses "$WORLD: its own capsule is gone" 1 'name NEW' bolt capsule restore "$first"
}

# As one that was started: restart policy, limits, pause, and a supervisor that is killed.
supervised() {
	local id
	create sup --restart always ${LIMITS:+--memory 64m} -- sh -c "$counting" >/dev/null
	bolt capsule start sup >/dev/null
	on sup
	id=$(bolt capsule snapshot sup)
	bolt capsule restore "$id" >/dev/null
	on sup || fail "$WORLD: restored"
	[ -z "${LIMITS:-}" ] ||
		is "$WORLD: its limits are in force" 67108864 "$(limit_of "$(id_of sup)" memory.limit_in_bytes)"
	bolt capsule pause sup >/dev/null
	refuses "$WORLD: one that is paused" 1 'paused' bolt capsule snapshot sup
	bolt capsule unpause sup >/dev/null
	kill -KILL "$(supervisor_of sup)"
	check "$WORLD: another supervisor takes it over" bolt capsule pause sup
	bolt capsule unpause sup >/dev/null
	check "$WORLD: and its output" on sup
	kill -KILL "$(init_of sup)"
	check "$WORLD: its policy starts it again" logged_times sup '^n 1$' 2
	bolt capsule rm -f sup >/dev/null
}

going_on() {
	create day -- sh -c "$counting" >/dev/null
	check "$WORLD: start --gpu-snapshot of one without snapshots begins" bolt capsule start day --gpu-snapshot
	on day
	check "$WORLD: stop keeps one" bolt capsule stop day
	is "$WORLD: there it is" 1 "$(bolt snapshot ls --format json | jq '[.[] | select(.manifest.name == "day")] | length')"
	check "$WORLD: start --gpu-snapshot goes on" bolt capsule start day --gpu-snapshot
	on day
	check "$WORLD: without a gap" in_order day
	kill -KILL "$(supervisor_of day)"
	check "$WORLD: also behind a killed supervisor stop keeps one" bolt capsule stop day
	is "$WORLD: the second" 2 "$(bolt snapshot ls --format json | jq '[.[] | select(.manifest.name == "day")] | length')"
	bolt capsule start day --gpu-snapshot >/dev/null
	check "$WORLD: stop --no-snapshot" bolt capsule stop -t 0 --no-snapshot day
	is "$WORLD: keeps none" 2 "$(bolt snapshot ls --format json | jq '[.[] | select(.manifest.name == "day")] | length')"
	bolt capsule start day >/dev/null
	check "$WORLD: a plain start begins anew" logged_times day '^n 1$' 2
	bolt capsule rm -f day >/dev/null
}

# CRIU asks for the limits of every process, which the kernel shows to who has them or CAP_SYS_RESOURCE.
others() {
	create user --user 1000:1000 -- sleep 1000 >/dev/null
	bolt capsule start user >/dev/null
	is "$WORLD: a program of another user, to a root that may not read its limits" 'limits true' \
		"$(setpriv --bounding-set -sys_resource bolt capsule snapshot user --check --format json | jq -r '.[] | "\(.check) \(.fatal)"')"
	if setpriv --dump | grep -q sys_resource; then
		check "$WORLD: and to one that may: a snapshot" bolt capsule snapshot user
		check "$WORLD: a restore" bolt capsule restore user
		is "$WORLD: as that user" 1000 "$(awk '/^Uid/ {print $2}' "/proc/$(init_of user)/status")"
	else
		refuses "$WORLD: it says what it lacks" 1 'another user or group.*CAP_SYS_RESOURCE' bolt capsule snapshot user
	fi
	bolt capsule rm -f user >/dev/null
}

refusals() {
	local id before
	create bad -- sh -c "$counting" >/dev/null
	refuses "$WORLD: one that does not run" 1 'does not run' bolt capsule snapshot bad
	bolt capsule start bad >/dev/null
	on bad
	bolt capsule exec bad sleep 1000 &
	EXEC=$!
	eventually eval 'bolt capsule top bad | grep -q "sleep 1000"'
	refuses "$WORLD: a program beside its own" 1 'exec' bolt capsule snapshot bad
	kill "$EXEC"
	wait "$EXEC" 2>/dev/null || true
	eventually eval '! bolt capsule top bad | grep -q "sleep 1000"'
	check "$WORLD: it runs on" on bad
	refuses "$WORLD: no such capsule" 1 "no capsule 'nobody'" bolt capsule snapshot nobody
	refuses "$WORLD: no such snapshot" 1 'no such snapshot' bolt capsule restore nobody
	id=$(bolt capsule snapshot bad --leave-running)
	refuses "$WORLD: a GPU of one that has none" 1 'has no GPUs' bolt capsule restore "$id" --name other --gpu 1
	is "$WORLD: nothing of that new one is left" '' "$(shown other)"
	printf '[snapshots]\ncriu = "/bin/false"\n' >"$T/config.toml"
	refuses "$WORLD: a CRIU that is none" 1 'does not work|CRIU' bolt --config "$T/config.toml" capsule restore "$id" --name other
	printf '[snapshots]\ncriu = "/nowhere/criu"\n' >"$T/config.toml"
	refuses "$WORLD: a CRIU that is nowhere" 1 '/nowhere/criu' bolt --config "$T/config.toml" capsule restore "$id" --name other
	before=$(bolt capsule exec bad cat /count)
	# A restore that fails leaves the capsule's files as they were.
	bolt capsule stop -t 0 bad >/dev/null
	rm -rf "$T/volume/in"
	create lost -v "$T/volume/in:/in" -- sh -c "$counting" >/dev/null
	bolt capsule start lost >/dev/null
	on lost
	bolt capsule exec lost sh -c 'echo mine >/mine'
	id=$(bolt capsule snapshot lost)
	rmdir "$T/volume/in" && touch "$T/volume/in"
	check "$WORLD: a volume that is another thing now: refused" test 1 = "$(status bolt capsule restore "$id")"
	rm -f "$T/volume/in"
	mkdir "$T/volume/in"
	check "$WORLD: as it was before, it is restored" bolt capsule restore "$id"
	is "$WORLD: with its files" mine "$(bolt capsule exec lost cat /mine)"
	bolt capsule rm -f bad lost >/dev/null
	: "$before"
}

# Whoever takes it is killed: the supervisor undoes it, and the capsule runs on.
nothing_begun() { [ -z "$(find "$BOLT_DATA/snapshots" -name '.new-*')" ]; }

killed() {
	local worker i
	create victim -- sh -c "$counting" >/dev/null
	bolt capsule start victim >/dev/null
	on victim
	for i in 1 2 3 4; do
		bolt capsule snapshot victim --leave-running >"$T/out" 2>&1 &
		ASKER=$!
		eventually eval 'worker=$(pgrep -x bolt-snapshot -P "$(supervisor_of victim)")' || true
		[ -z "${worker:-}" ] || { sleep "0.0$i" && kill -KILL "$worker" 2>/dev/null; } || true
		wait "$ASKER" || true
		check "$WORLD: its taker killed ($i): it runs on" on victim
		check "$WORLD: and nothing of it stays" eventually nothing_begun
	done
	check "$WORLD: no line is lost by that" in_order victim
	check "$WORLD: the next one succeeds" bolt capsule snapshot victim
	bolt capsule restore victim >/dev/null
	check "$WORLD: and is restored" on victim
	bolt capsule rm -f victim >/dev/null
}

# rewrite ARCHIVE [SETTINGS]: an exported snapshot whose manifest lacks what every other part of it takes for granted; or
# one of which these settings are others.
rewrite() {
	python3 - "$@" <<'PYTHON'
import json, sys
with open(sys.argv[1], "rb") as f:
    data = f.read()
size = int(data[124:135], 8)
manifest = json.loads(data[512:512 + size])
manifest.update(trees=[{}], processes=[{}], driver="570.0", gpus=[])
if len(sys.argv) > 2:
    manifest = json.loads(data[512:512 + size])
    manifest["definition"].update(json.loads(sys.argv[2]))
text = json.dumps(manifest).encode()
header = bytearray(data[:512])
header[124:135] = b"%011o" % len(text)
header[148:156] = b" " * 8
header[148:156] = b"%06o\0 " % sum(header)
with open(sys.argv[1], "wb") as f:
    f.write(bytes(header) + text + bytes(-len(text) % 512) + data[512 + size + -size % 512:])
PYTHON
}

# Who trusts a snapshot from elsewhere gets a reason for what cannot be, whatever it says.
from_elsewhere() {
	local id
	create foreign -- sh -c "$counting" >/dev/null
	bolt capsule start foreign >/dev/null
	on foreign
	id=$(bolt capsule snapshot foreign)
	bolt snapshot export "$id" "$T/foreign.tar"
	bolt snapshot rm "$id" >/dev/null
	rewrite "$T/foreign.tar"
	check "$WORLD: changed, it is not imported" test 1 = "$(status bolt snapshot import "$T/foreign.tar")"
	is "$WORLD: but for who trusts it" "$id" "$(bolt snapshot import --trust "$T/foreign.tar" 2>/dev/null)"
	check "$WORLD: what it lacks is a reason to refuse it" test 1 = "$(status bolt capsule restore "$id")"
	bolt snapshot rm "$id" >/dev/null
	bolt capsule rm -f foreign >/dev/null
}

# at_terminal ANSWER COMMAND...: what is shown; its status is in $T/status.
at_terminal() {
	local answer=$1
	shift
	(sleep 0.3; printf '%s\n' "$answer"; sleep 0.3) | timeout 60 script -qec "$(printf '%q ' "$@"); echo \$? >$T/status" /dev/null | tr -d '\r' || true
}

# What one takes on trust is shown, and asked about where there is a terminal.
trusted() {
	local id shown
	create asked -v "$T/volume:/data" -v "$T/volume/file:/f:ro" --cap-add SYS_ADMIN --privileged --device /dev/full -- sh -c "$counting" >/dev/null
	bolt capsule start asked >/dev/null
	on asked
	id=$(bolt capsule snapshot asked)
	bolt snapshot export "$id" "$T/asked.tar"
	bolt snapshot rm "$id" >/dev/null
	rm "$BOLT_DATA/snapshots/key"
	shown=$(at_terminal n bolt snapshot import --trust "$T/asked.tar")
	is "$WORLD: not trusted, not imported" '1 0' "$(cat "$T/status") $(bolt snapshot ls -q | grep -c "$id")"
	like "$WORLD: trust: which one" "Snapshot $id of 'asked' is not signed by this host" "$shown"
	like "$WORLD: trust: the image" "image +$ROOT" "$shown"
	like "$WORLD: trust: what runs, as whom" "runs +sh -c i=0.*, as the image's user" "$shown"
	like "$WORLD: trust: privileges" 'PRIVILEGED +yes' "$shown"
	like "$WORLD: trust: capabilities" 'capabilities +CAP_SYS_ADMIN' "$shown"
	like "$WORLD: trust: what of the host's" "host's files +$T/volume at /data \(WRITABLE\), $T/volume/file at /f \(read-only\)" "$shown"
	like "$WORLD: trust: devices" 'devices +/dev/full \(rwm\)' "$shown"
	like "$WORLD: trust: the network" "network +the host's own" "$shown"
	like "$WORLD: trust: the question" 'Do you trust it\? \[y/N\]' "$shown"
	like "$WORLD: trust: the answer" 'it was not trusted' "$shown"
	shown=$(at_terminal y bolt snapshot import --trust "$T/asked.tar")
	is "$WORLD: trusted, imported" '0 1' "$(cat "$T/status") $(bolt snapshot ls -q | grep -c "$id")"
	bolt snapshot rm "$id" >/dev/null
	shown=$(at_terminal n bolt snapshot import --trust --yes "$T/asked.tar")
	unlike "$WORLD: --yes: no question" 'Do you trust' "$shown"
	like "$WORLD: --yes: but what it is" 'PRIVILEGED' "$shown"
	cp "$T/asked.tar" "$T/other.tar"
	rewrite "$T/other.tar" '{"image": "evil/image:1", "runtime": "/opt/evil", "annotations": ["run.oci.handler=krun"],
		"profiles": ["gaming"], "gpu_settings": ["gaming.power_profile=maximum"]}'
	bolt snapshot rm "$id" >/dev/null
	shown=$(at_terminal n bolt snapshot import --trust "$T/other.tar")
	like "$WORLD: trust: another image than it says" 'made of image +evil/image:1, which is ANOTHER' "$shown"
	like "$WORLD: trust: a program of this host" 'RUNTIME +/opt/evil of this host' "$shown"
	like "$WORLD: trust: what that is told" 'tells runtime +run.oci.handler=krun' "$shown"
	like "$WORLD: trust: what becomes of GPUs" 'sets GPUs to +profile gaming, gaming.power_profile=maximum' "$shown"
	bolt snapshot import --trust --yes "$T/asked.tar" >"$T/out" 2>"$T/shown" || fail "$WORLD: imported" "$(cat "$T/shown")"
	# Signed by the import, and by nobody again.
	rm "$BOLT_DATA/snapshots/key"
	refuses "$WORLD: a restore of one that nobody signed" 1 '--trust' bolt capsule restore "$id"
	shown=$(at_terminal n bolt capsule restore --trust "$id" --name other)
	is "$WORLD: not trusted, not restored" '1 ' "$(cat "$T/status") $(shown other)"
	like "$WORLD: a restore shows it" 'PRIVILEGED +yes' "$shown"
	shown=$(at_terminal y bolt capsule restore --trust "$id")
	like "$WORLD: into its capsule: whose settings count" 'settings +those of the capsule as it is here' "$shown"
	check "$WORLD: trusted, it counts on" on asked
	bolt capsule stop -t 0 asked >/dev/null
	bolt capsule restore --trust "$id" >"$T/out" 2>"$T/shown" || fail "$WORLD: without a terminal --trust says it all"
	like "$WORLD: without a terminal it is shown, too" 'is not signed by this host' "$(cat "$T/shown")"
	bolt snapshot rm "$id" >/dev/null
	bolt capsule rm -f asked >/dev/null
}

world() {
	LIMITS=
	[ "${WORLD#* }" != v1 ] || LIMITS=1
	counts_on 'a program' snap
	running_on
	case $WORLD in
	'runc v1')
		kinds
		connection
		input
		supervised
		going_on
		refusals
		others
		from_elsewhere
		trusted
		killed
		;;
	'runc v2') kinds ;;
	esac
	is "$WORLD: nothing is left" '' "$(leaked)"
}
each_world world
