#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `bolt capsule start` of a capsule that is there costs over the bare OCI runtime starting the container that it
# starts, detached, and what `bolt capsule ps` takes with 1000 capsules that run. In a mount namespace of its own.
#
#	bench/capsule.sh [RUNS] [RUNTIME...]		default: 30 runs each with crun and runc
#
# Prints "start RUNTIME BARE BOLT MORE" in milliseconds (medians of whole processes, taking turns), then
# "ps 1000 MS" and "ps -a 1000 MS". The 1000 are records like those of capsules that run, each locked as a supervisor
# locks its own: ps asks nobody, so it cannot tell the difference.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
bin=${NVB_BUILD:-$source/build}/bin
runs=${1:-30}
shift || true
runtimes=("$@")
[ ${#runtimes[@]} -gt 0 ] || runtimes=(crun runc)
[ "$(id -u)" = 0 ] || {
	echo "${0##*/}: needs root" >&2
	exit 77
}
if [ -z "${NVB_BENCH_CAPSULE_INSIDE:-}" ]; then
	export NVB_BENCH_CAPSULE_INSIDE=1
	exec unshare -m --propagation private "$0" "$runs" "${runtimes[@]}"
fi
# Where crun refuses a host with both versions of control groups it gets one.
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
mkdir -p /run/bolt /var/lib/bolt
mount -t tmpfs none /run/bolt
mount -t tmpfs none /var/lib/bolt

dir=$(mktemp -d)
holder=
finish() {
	[ -z "$holder" ] || kill "$holder" 2>/dev/null || true
	rm -rf --one-file-system "$dir"
}
trap finish EXIT
PATH=$bin:$PATH

"$source/scripts/make-base-root" "$dir/base"

now() { date +%s%N; }
median() { sort -n | awk '{v[NR] = $1} END {printf "%.1f", v[int((NR + 1) / 2)] / 1e6}'; }

# timed FILE COMMAND...: adds the time of a command in nanoseconds.
timed() {
	local file=$1 begun
	shift
	begun=$(now)
	"$@" >/dev/null </dev/null
	echo $(($(now) - begun)) >>"$file"
}

# The bundle that bolt's starter had, for the bare runtime: its config.json with a plain directory as root.
bundle_of() {
	local bundle=$dir/$1 pid workspace
	"$bin/bolt" surge run --rm --runtime "$1" "$dir/base" /bin/true
	"$bin/bolt" surge run --rm --runtime "$1" "$dir/base" sleep 1000 &
	pid=$!
	workspace=/proc/$pid/root/run/bolt/workspace
	until [ -s "$workspace/pid" ]; do sleep 0.05; done
	mkdir "$bundle"
	cp "$workspace"/{hosts,hostname,resolv.conf} "$bundle/"
	cp -a "$workspace/rootfs" "$bundle/rootfs"
	jq --arg b "$bundle" '.linux.cgroupsPath = "/bolt-bench" | .mounts |= map(.source |= sub("^/run/bolt/workspace"; $b))' \
		"$workspace/config.json" >"$bundle/config.json"
	kill -KILL "$(cat "$workspace/pid")"
	wait "$pid" || true
}

bare() { "$1" --root "$dir/state" run --detach --bundle "$dir/$1" bench-bare >/dev/null 2>&1 </dev/null; }

for runtime in "${runtimes[@]}"; do
	command -v "$runtime" >/dev/null || continue
	bundle_of "$runtime" 2>/dev/null || continue
	bolt capsule create "bench-$runtime" --runtime "$runtime" --image "$dir/base" -- sleep 1000 >/dev/null
	for ((i = -2; i < runs; i++)); do
		file=$dir/times
		[ "$i" -ge 0 ] || file=$dir/warm
		# The kernel goes on taking a container down after the command that ended it: nobody's time.
		sleep 0.05
		timed "$file.bare" bare "$runtime"
		"$runtime" --root "$dir/state" delete --force bench-bare
		sleep 0.05
		timed "$file.bolt" bolt capsule start "bench-$runtime"
		bolt capsule stop -t 0 "bench-$runtime" >/dev/null
	done
	b=$(median <"$dir/times.bare") w=$(median <"$dir/times.bolt")
	echo "start $runtime $b $w $(awk "BEGIN {printf \"%.1f\", $w - $b}")"
	rm -f "$dir"/times.*
	bolt capsule rm "bench-$runtime" >/dev/null
done

ulimit -n 4096 2>/dev/null || true
python3 - "$dir/ready" <<'PY' &
import fcntl, os, signal, sys, time
held = []
for i in range(1000):
    name = '%032x' % (i + 1)
    for base in '/run/bolt/capsules', '/var/lib/bolt/capsules':
        os.mkdir(f'{base}/{name}', 0o700)
        with open(f'{base}/{name}/record', 'w') as f:
            f.write(f'pid {os.getpid()}\nstarted 1\ncreated {1700000000 + i}\nkeep 1\ncgroup /bolt/{name}\n'
                    f'name bench-{i}\nimage docker.io/library/debian:12\ncommand sleep 1000\ndetached 1\nresumed 1\n'
                    f'began 1700000000\nruntime /usr/bin/crun\nstate running\nsince 1700000000\n')
    fd = os.open(f'/run/bolt/capsules/{name}', os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    held.append(fd)
open(sys.argv[1], 'w').close()
signal.pause()
PY
holder=$!
until [ -e "$dir/ready" ]; do sleep 0.05; done
for options in '' ' -a'; do
	for ((i = 0; i < runs; i++)); do
		# shellcheck disable=SC2086
		timed "$dir/ps" bolt capsule ps $options
	done
	echo "ps$options 1000 $(median <"$dir/ps")"
	rm "$dir/ps"
done
