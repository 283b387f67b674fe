#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a snapshot of a capsule and its restore cost beside the bare runtime and CRIU doing the same with the same
# container; and how fast a large GPU memory comes to the disk and back. In a mount namespace of its own.
#
#	bench/snapshot.sh small [RUNS]		"take BARE BOLT" and "restore BARE BOLT", milliseconds (medians, in turn), of
#						8 MiB that cannot be compressed
#	bench/snapshot.sh gpu [MIB]		"gpu MIB TAKE RESTORE WRITE COMPRESS STORED SECOND": seconds of both, and of the
#						disk and the compressor alone with the same bytes; bytes on the disk of the
#						first snapshot, and of a second after 5% changed in blocks of 64 KiB
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
build=${NVB_BUILD:-$source/build}
fail() {
	echo "${0##*/}: $*" >&2
	exit 77
}
[ "$(id -u)" = 0 ] || fail 'needs root'
criu=${NVB_TEST_CRIU:-$(command -v criu || true)}
[ -x "$criu" ] && "$criu" check >/dev/null 2>&1 || fail 'needs a CRIU that works on this kernel'
command -v runc >/dev/null || fail 'needs runc'
if [ -z "${NVB_BENCH_SNAPSHOT_INSIDE:-}" ]; then
	export NVB_BENCH_SNAPSHOT_INSIDE=1
	exec unshare -m --propagation private "$0" "$@"
fi
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
# Both write to the same disk.
dir=$(mktemp -d "${NVB_BENCH_DISK:-${TMPDIR:-/tmp}}/nvb-snapshot.XXXXXXXX")
mkdir -p /run/bolt /var/lib/bolt "$dir/data" "$dir/bin"
mount -t tmpfs none /run/bolt
mount --bind "$dir/data" /var/lib/bolt
ln -s "$criu" "$dir/bin/criu"
PATH=$dir/bin:$build/bin:$PATH
finish() {
	trap - EXIT
	set +e
	bolt capsule rm -f small big >/dev/null 2>&1
	runc --root "$dir/state" delete --force bench-bare >/dev/null 2>&1
	[ ! -d "$dir/sim" ] || nvbind-sim destroy "$dir/sim" >/dev/null 2>&1
	umount /var/lib/bolt
	rm -rf --one-file-system "$dir"
}
trap finish EXIT

now() { date +%s%N; }
median() { sort -n | awk '{v[NR] = $1} END {printf "%.1f", v[int((NR + 1) / 2)] / 1e6}'; }
# timed FILE COMMAND...
timed() {
	local file=$1 begun
	shift
	begun=$(now)
	"$@" >"$dir/said" 2>&1 </dev/null || {
		cat "$dir/said" >&2
		exit 1
	}
	echo $(($(now) - begun)) >>"$file"
}
# The kernel still takes down what was saved, which fell on one of the two more than on the other: bare, the disk is waited for
# behind that, bolt has done so before.
settle() { sleep 0.1; }
seconds() { awk -v t="$(tail -n 1 "$1")" 'BEGIN {printf "%.2f", t / 1e9}'; }

# The container that bolt's capsule is, for the bare runtime: its config.json with a plain directory as root.
bundle_of() {
	local workspace=/proc/$1/root/run/bolt/workspace bundle=$dir/bundle
	mkdir "$bundle"
	cp "$workspace"/{hosts,hostname,resolv.conf} "$bundle/"
	cp -a "$workspace/rootfs" "$bundle/rootfs"
	jq --arg b "$bundle" '.linux.cgroupsPath = "/bolt-bench" | .mounts |= map(.source |= sub("^/run/bolt/workspace"; $b))' \
		"$workspace/config.json" >"$bundle/config.json"
}

bare() { runc --root "$dir/state" --criu "$criu" "$@"; }
bare_take() {
	bare checkpoint --image-path "$dir/images" --work-path "$dir/work" bench-bare
	sync -f "$dir/images"
}
bare_restore() { bare restore -d --bundle "$dir/bundle" --image-path "$dir/images" --work-path "$dir/work" bench-bare; }

small() {
	local runs=${1:-30} i pid file
	"$source/scripts/make-base-root" "$dir/base"
	cp "$build/bench/hold" "$dir/base/bin/"
	bolt surge run --rm --runtime runc "$dir/base" hold 8 &
	pid=$!
	until [ -s "/proc/$pid/root/run/bolt/workspace/pid" ]; do sleep 0.05; done
	bundle_of "$pid"
	kill -KILL "$(cat "/proc/$pid/root/run/bolt/workspace/pid")"
	wait "$pid" || true
	bolt capsule create small --runtime runc --image "$dir/base" -- hold 8 >/dev/null
	for ((i = -2; i < runs; i++)); do
		file=$dir/times
		[ "$i" -ge 0 ] || file=$dir/warm
		rm -rf "$dir/images" "$dir/work"
		mkdir "$dir/images" "$dir/work"
		bare run --detach --bundle "$dir/bundle" bench-bare >/dev/null 2>&1 </dev/null
		sleep 0.2
		timed "$file.bare-take" bare_take
		settle
		timed "$file.bare-restore" bare_restore
		bare delete --force bench-bare
		bolt capsule start small >/dev/null
		sleep 0.2
		timed "$file.bolt-take" bolt capsule snapshot small
		settle
		timed "$file.bolt-restore" bolt capsule restore small@latest
		bolt capsule stop -t 0 small >/dev/null
		bolt snapshot rm small@latest >/dev/null
	done
	for what in take restore; do
		echo "$what $(median <"$dir/times.bare-$what") $(median <"$dir/times.bolt-$what")"
	done
}

on_disk() { du -s --block-size=1 /var/lib/bolt/snapshots | cut -f1; }
field() { cut -d' ' -f"$1" "/proc/$(bolt capsule inspect big | jq '.[0].pid')/root/count" 2>/dev/null; }

gpu() {
	local mib=${1:-4096} first second write compress
	nvbind-sim create --scenario h200x8 "$dir/sim" >/dev/null 2>&1
	export NVBIND_ROOT=$dir/sim
	"$source/scripts/make-base-root" "$dir/base"
	cp "$build/tests/integration/gpu-counter" "$dir/base/bin/"
	bolt capsule create big --runtime runc --gpu 0 --image "$dir/base" -- gpu-counter /count 0 "$mib" >/dev/null
	bolt capsule start big >/dev/null
	until [ -n "$(field 1)" ]; do sleep 0.2; done
	timed "$dir/take" bolt capsule snapshot big
	first=$(on_disk)
	timed "$dir/restore" bolt capsule restore big@latest
	kill -USR1 "$(bolt capsule inspect big | jq '.[0].pid')"
	until [ "$(field 3)" = 000001 ]; do sleep 0.2; done
	timed "$dir/second" bolt capsule snapshot big
	second=$(($(on_disk) - first))
	bolt capsule rm big >/dev/null
	# What was written is written again by the disk alone, and what it was made of compressed again.
	{ cat /var/lib/bolt/snapshots/*/*/*.pack || true; } 2>/dev/null | head -c "$first" >"$dir/packs"
	sync
	timed "$dir/write" dd if="$dir/packs" of="$dir/alone" bs=4M conv=fsync
	write=$(seconds "$dir/write")
	compress=-
	if command -v zstd >/dev/null; then
		"$build/tests/integration/gpu-counter" pattern "$mib" >"$dir/alone"
		# Alone it is when it neither waits for the disk nor has it busy.
		sync "$dir/alone"
		cat "$dir/alone" >/dev/null
		timed "$dir/compress" zstd -q -1 -T0 -f -o /dev/null "$dir/alone"
		compress=$(seconds "$dir/compress")
	fi
	echo "gpu $mib $(seconds "$dir/take") $(seconds "$dir/restore") $write $compress $first $second"
}

case ${1:-} in
small | gpu) "$@" ;;
*) fail 'small [RUNS] or gpu [MIB]' ;;
esac
