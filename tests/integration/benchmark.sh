#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bolt benchmark: raw numbers that agree with each other, reports made again from them, peers that are not there or do
# not run, real docker and podman, and nothing left behind, also by one that is interrupted. No time is judged.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/engine.sh
. "$(dirname "$0")/engine.sh"
need_root
need bolt python3 tar
engine_prepare h200x8
export NVBIND_ROOT=$T/host
mkdir -p "$T/tmp" "$T/empty" "$T/fakes" "$T/none"
printf '[cache]\ndirectory = "%s"\n' "$T/cache" >"$T/config.toml"

# bench ARGUMENT...: few runs, as no figure is wanted.
bench() { TMPDIR=$T/tmp timeout 60 bolt --config "$T/config.toml" benchmark --runs 3 --warm-up 1 "$@"; }

processes() { grep -lzsE '^/?nvbind-benchmark-(first|gpu)' /proc/[0-9]*/cmdline || true; }

# nothing_left WHAT: of programs, capsules, containers, images, files and control groups.
nothing_left() {
	is "$1: no capsule is left" '[]' "$(bolt capsule ps -a --format json | tr -d ' \n')"
	is "$1: no file is left" '' "$(ls "$T/tmp")"
	# On the host itself another one may be at work.
	[ "$WORLD" = host ] || is "$1: no control group is left" '' "$(find /sys/fs/cgroup -type d -name '*nvbind-benchmark*' 2>/dev/null)"
	[ "$WORLD" = host ] || is "$1: no process is left" '' "$(processes)"
}

# What must hold of raw numbers whatever they are. consistent FILE SUBJECT...
consistent() {
	local file=$1
	shift
	python3 - "$file" "$@" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
subjects = sys.argv[2:]
assert (r['schema'], r['version'], r['runs'], r['warm_up']) == ('nvbind-benchmark', 1, 3, 1), 'head'
assert r['simulated'] is True and r['gpu'] is True, 'a simulated driver is not said to be one'
assert [s['name'] for s in r['subjects']][:len(subjects)] == subjects, [s['name'] for s in r['subjects']]
s = {(x['subject'], x['metric']): x['values'] for x in r['series']}
phases = 'engine plan-and-edit hooks runtime load first-gpu-call end'.split()
for who in subjects:
    for i in range(3):
        total, first = s[who, 'total'][i], s[who, 'first-process'][i]
        assert 0 < first < total, (who, first, total)
        if not who.endswith('-plain'):
            assert first < s[who, 'gpu-ready'][i] < total, who
        if (who, 'engine') in s and s[who, 'engine'][i] is not None:
            # Phases are a partition: nothing counts twice, nothing is left out.
            there = sum(s[who, p][i] for p in phases if (who, p) in s and s[who, p][i] is not None)
            assert abs(there - total) < 2000, (who, there, total)
n = len(subjects)
assert len(r['order']) == 3 * n
for i in range(3):
    assert sorted(r['order'][i * n:(i + 1) * n]) == list(range(n)), r['order']
# What a simulated driver cannot tell has no number, but a reason.
assert not [k for k in s if k[1].startswith('launch') or k[1] == 'compute']
reasons = {x['what']: x['reason'] for x in r['not_measured']}
assert 'simulated' in reasons['launch'], reasons
assert len(s['library', 'passthrough']) >= 50
PY
}

bare() {
	local before
	check "$WORLD: bolt and the bare runtime" bench --gpu --plain --compare bare --seed 7 --output "$T/raw.json" --chart "$T/c.svg"
	check "$WORLD: the raw numbers agree" consistent "$T/raw.json" bolt bolt-plain bare bare-plain
	nothing_left "$WORLD"
	before=$(jq -c .order "$T/raw.json")
	check "$WORLD: the same seed once more" bench --gpu --plain --compare bare --seed 7 --output "$T/again.json"
	is "$WORLD: draws the same order" "$before" "$(jq -c .order "$T/again.json")"
	replays
}

replays() {
	local out
	bolt benchmark --replay "$T/raw.json" >"$T/one"
	bolt benchmark --replay "$T/raw.json" --output "$T/copy.json" --chart "$T/c.html" >"$T/two"
	same_file 'a report made twice is the same' "$T/one" "$T/two"
	same_file 'raw numbers that are read and written are the same' "$T/raw.json" "$T/copy.json"
	nvbind benchmark --replay "$T/raw.json" --format json >"$T/three"
	same_file 'also by nvbind, as JSON' "$T/raw.json" "$T/three"
	like 'the report says that the driver is simulated' 'SIMULATED' "$(cat "$T/one")"
	like 'and compares' 'bare +ms +[0-9.]+ \[' "$(cat "$T/one")"
	like 'and says how' 'from before the command is spawned' "$(cat "$T/one")"
	check 'the picture is XML and says it too' python3 -c 'import sys, xml.dom.minidom as m
d = m.parse(sys.argv[1])
assert any("SIMULATED" in (t.firstChild.data if t.firstChild else "") for t in d.getElementsByTagName("text"))
assert len(d.getElementsByTagName("circle")) > 20' "$T/c.svg"
	unlike 'the page asks nothing of anybody' '(src|href)=|@import|url\(' "$(cat "$T/c.html")"
	like 'and has the report' '<pre>nvbind benchmark' "$(cat "$T/c.html")"
	jq '.series[0].values[0] = -1' "$T/raw.json" >"$T/bad.json"
	refuses 'a record with a number that cannot be' 1 'bad.json: .*no measured number is -1' bolt benchmark --replay "$T/bad.json"
	head -c 1000 "$T/raw.json" >"$T/bad.json"
	refuses 'half a record' 1 'bad.json: ' bolt benchmark --replay "$T/bad.json"
	refuses 'no record' 1 '^bolt: [^:]*/nowhere.json: No such file or directory$' bolt benchmark --replay "$T/nowhere.json"
	out=$(NVBIND_LOG=error bolt benchmark --replay "$T/raw.json" --output /dev/full 2>&1) || true
	like 'a full disk is told' 'No space left' "$out"
}

refusals() {
	local docker
	refuses 'a peer that nobody knows' 2 "no such peer 'kata'; one of docker, podman" bolt benchmark --compare kata
	refuses 'one run' 2 '--runs is 2 to' bolt benchmark --runs 1
	refuses 'a picture of another kind' 2 'must end in .svg or .html' bolt benchmark --chart x.png
	refuses 'a seed that is none' 2 "--seed 'x' is no number" bolt benchmark --seed x
	refuses '--replay with what to measure' 2 'measures nothing' bolt benchmark --replay x --gpu
	refuses 'nowhere to write, before anything is measured' 1 'writing .*/nowhere/x.json: No such file' \
		bolt benchmark --runs 100000 --output "$T/nowhere/x.json"
	refuses '--plain alone' 2 'goes with --gpu' bolt benchmark --plain
	NVBIND_ROOT=$T/none refuses 'no GPU' 1 'no GPU here.*without --gpu' bench --gpu
	refuses 'docker is not there' 1 'docker: there is no program docker' env PATH="$NVB_BUILD/bin:$T/empty" \
		bolt benchmark --compare-docker --output "$T/none.json"
	refuses 'nor is NVIDIA'"'"'s runtime' 1 'nvidia-runtime: there is no program nvidia-container-runtime' \
		bench --compare nvidia-runtime --output "$T/none.json"
	# A peer that is there and runs nothing.
	cat >"$T/fakes/docker" <<-'END'
		#!/bin/sh
		case $1 in
		--version) echo 'Docker version 0' ;;
		info) echo '{"ServerVersion":"0"}' ;;
		import) cat >/dev/null ;;
		run) echo 'docker: it is broken' >&2; exit 125 ;;
		esac
	END
	chmod 755 "$T/fakes/docker"
	PATH=$T/fakes:$PATH refuses 'a peer that runs nothing' 1 'docker: the container was not run .status 125.: docker: it is broken' \
		bench --compare docker --output "$T/none.json"
	PATH=$T/fakes:$PATH refuses 'or gives no GPU' 1 'docker: its containers get no GPU' bench --gpu --compare docker --output "$T/none.json"
	# One that claims to run it and does not.
	sed -i 's/echo .docker: it is broken. >&2; exit 125/true/' "$T/fakes/docker"
	PATH=$T/fakes:$PATH refuses 'or only says that it runs' 1 'did not say what it should' bench --compare docker --output "$T/none.json"
	docker=$(command -v docker || true)
	[ -z "$docker" ] || DOCKER_HOST=unix://$T/nowhere refuses 'docker without its daemon' 1 'docker: .*start its daemon' \
		bench --compare docker --output "$T/none.json"
	check 'none of them left a number' test ! -e "$T/none.json"
	nothing_left 'what was refused'
}

# Without uinput no device can be made here: what reads one reads a FIFO of events in its place.
input_reader() {
	mkfifo "$T/events"
	"$NVB_BUILD/tools/nvbind-benchmark-gpu" input "$T/events" >"$T/pressed" &
	python3 - "$T/events" <<-'PY'
		import struct, sys
		with open(sys.argv[1], 'wb') as f:
		    # A press, its report, a release; then another press. Axes and releases are none.
		    for kind, code, value in ((1, 704, 1), (0, 0, 0), (1, 704, 0), (3, 0, 1), (1, 704, 1)):
		        f.write(struct.pack('llHHi', 0, 0, kind, code, value))
	PY
	wait $!
	is 'what reads an input device counts presses' 'ready 2' \
		"$(head -n 1 "$T/pressed") $(tail -n +2 "$T/pressed" | grep -cE '^[0-9]+$')"
	like 'input that cannot be measured has a reason' '^(|.*uinput.*|.*node.*)$' \
		"$(jq -r '.not_measured[] | select(.what == "input").reason' "$T/raw.json")"
}

# interrupt SECONDS ARGUMENT...: as ^C does, also while something is made ready.
interrupt() {
	local pid status=0 after=$1
	shift
	TMPDIR=$T/tmp bolt --config "$T/config.toml" benchmark "$@" --output "$T/cut.json" >"$T/out" 2>&1 &
	pid=$!
	sleep "$after"
	kill -INT "$pid"
	wait "$pid" || status=$?
	is "$WORLD: interrupted after $after s, its status" 130 "$status"
	check "$WORLD: no raw numbers are written" test ! -e "$T/cut.json"
}

interrupted() {
	local after
	for after in 0.2 0.6 1.5; do
		interrupt "$after" --gpu --compare bare --runs 2000
	done
	nothing_left 'interrupted ones'
	# Killed, it cannot take away its directory; what it started ends all the same.
	TMPDIR=$T/tmp bolt --config "$T/config.toml" benchmark --gpu --compare bare --runs 2000 >"$T/out" 2>&1 &
	after=$!
	sleep 1
	kill -KILL "$after"
	wait "$after" || true
	eventually 'killed: no process is left' '' processes
	rm -rf --one-file-system "$T"/tmp/nvbind-benchmark-*
	nothing_left 'a killed one'
}

# Programs stand in the place of NVIDIA's: what is tested is how it is called.
nvidia_runtime() {
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\n[ "$1" != --version ] || { echo stand-in; exit 0; }\nexec "%s" "$@"\n' "$NVB_BUILD/bin/nvbind-runtime" \
		>"$T/fakes/nvidia-container-runtime"
	chmod 755 "$T/fakes/nvidia-container-runtime"
	rm -f "$T/fakes/docker"
	PATH=$T/fakes:$PATH check "$WORLD: a runtime by itself, created and started" bench --gpu --compare nvidia-runtime --output "$T/n.json"
	check "$WORLD: its numbers agree" consistent "$T/n.json" bolt nvidia-runtime
	nothing_left "$WORLD, a runtime by itself"
}

with_docker() {
	local dir=$T/docker.$WORLD
	command -v dockerd >/dev/null || { echo '# left out: no dockerd'; return 0; }
	mkdir -p "$dir"
	printf '{"runtimes": {"nvbind": {"path": "%s"}}}' "$NVB_BUILD/bin/nvbind-runtime" >"$dir/daemon.json"
	engine_config runc
	start_dockerd "$dir" || { fail "$WORLD: dockerd does not start"; return 0; }
	check "$WORLD: real docker" bench --gpu --compare-docker --output "$T/d.json"
	check "$WORLD: its numbers agree" consistent "$T/d.json" bolt docker
	like "$WORLD: by which way GPUs came" "GPUs by the runtime 'nvbind'" "$(jq -r '.subjects[1].what' "$T/d.json")"
	is "$WORLD: docker has no container left" '' "$(docker ps -aq)"
	is "$WORLD: docker has no image left" '' "$(docker images -q)"
	nothing_left "$WORLD, docker"
	stop_dockerd
	unset DOCKER_HOST DOCKER_CONFIG
}

with_podman() {
	command -v podman >/dev/null || { echo '# left out: no podman'; return 0; }
	mkdir -p /etc/cdi /run/containers
	nvbind cdi generate --output /etc/cdi >/dev/null 2>&1
	# A store of its own, whatever it finds no options for.
	printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$T/p.run" "$T/p.store" >"$T/storage.conf"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >"$T/containers.conf"
	export CONTAINERS_STORAGE_CONF=$T/storage.conf CONTAINERS_CONF=$T/containers.conf
	check "$WORLD: real podman, GPUs by CDI" bench --gpu --compare podman --output "$T/p.json"
	check "$WORLD: its numbers agree" consistent "$T/p.json" bolt podman
	is "$WORLD: podman has no container left" '' "$(podman ps -aq)"
	is "$WORLD: podman has no image left" '' "$(podman images -q)"
	rm -f /etc/cdi/*
	refuses "$WORLD: without a spec podman gives none" 1 'podman: .*nvbind cdi generate' bench --gpu --compare podman
	nothing_left "$WORLD, podman"
	umount "$T"/p.store/* 2>/dev/null || true
}

everything() {
	# What another bolt of this host has is none of ours.
	mkdir -p "$T/var"
	[ -d /var/lib/bolt ] || mkdir -p /var/lib/bolt
	mount --bind "$T/var" /var/lib/bolt
	nvidia_runtime
	with_docker
	with_podman
	interrupted
	input_reader
	refusals
}

# Outside of namespaces for processes the kernel tells when runtimes and hooks are executed, so phases have numbers.
on_host() {
	mkdir -p /run/bolt /var/lib/bolt
	mount -t tmpfs none /run/bolt
	mount -t tmpfs none /var/lib/bolt
	bare
	if [ "$(readlink /proc/self/ns/pid)" = 'pid:[4026531836]' ]; then
		is 'phases of the engine and the runtime have numbers' 'engine hooks runtime' \
			"$(jq -r '[.series[] | select(.subject == "bolt").metric | select(IN("engine", "hooks", "runtime"))] | sort | join(" ")' "$T/raw.json")"
	else
		like 'phases that nobody tells have a reason' 'outside of namespaces' "$(jq -r '.not_measured[].reason' "$T/raw.json")"
	fi
}

runtime_works runc v1 || skip 'runc runs nothing here'
WORLD=host in_mount_namespace lib_v1 on_host
in_world v1 everything
