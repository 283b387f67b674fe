#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Snapshots of a capsule with GPU memory that are damaged, and disks that are full: refused with the reason, and the
# capsule runs on. What the preflight finds of capsules.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt nvbind-sim jq runc python3
need_criu
export ROOT=$T/root
make_counter_root "$ROOT"
make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host

# flip FILE: one bit in its middle; once more puts it back.
flip() { python3 -c 'import os, sys
f = open(sys.argv[1], "r+b"); n = os.path.getsize(sys.argv[1]) // 2; f.seek(n); b = f.read(1)[0]; f.seek(n); f.write(bytes([b ^ 16]))' "$1"; }
refused() { ! "$@"; }

# files_of NAME: what it has written.
files_of() { find "$BOLT_DATA/capsules/$(id_of "$1")/upper" -printf '%P %i %s %T@\n' | sort; }

# slowly_refused PACK: the pack is blamed also when bolt comes late to see that the start has ended.
slowly_refused() {
	local said
	! is_sanitized && command -v strace >/dev/null || return 0
	said=$(strace -qq -o "$T/trace" -e trace=poll -e inject=poll:delay_enter=300000 bolt capsule restore one 2>&1) || true
	grep -q "$1" <<<"$said" || { echo "late it does not name the pack: $said" && return 1; }
}

flipped() {
	local directory file bad=0 files=0 said own
	directory=$(echo "$BOLT_DATA"/snapshots/*/"$(bolt capsule snapshot one --leave-running)")
	bolt capsule stop -t 0 one >/dev/null
	own=$(files_of one)
	for file in "$directory"/*; do
		files=$((files + 1))
		flip "$file"
		said=$(bolt snapshot verify one@latest 2>&1) && bad=$((bad + 1)) && echo "verify took ${file##*/}: $said"
		said=$(bolt capsule restore one@latest 2>&1) && bad=$((bad + 1)) && echo "restore took ${file##*/}"
		case $file in
		*.pack) grep -q "$(basename "$file" .pack)" <<<"$said" || { bad=$((bad + 1)) && echo "it does not name the pack: $said"; } ;;
		esac
		[ "$(files_of one)" = "$own" ] || { bad=$((bad + 1)) && echo "its files are others after ${file##*/}"; }
		is_in one exited || { bad=$((bad + 1)) && bolt capsule stop -t 0 one >/dev/null; }
		[[ $file != *.pack ]] || slowly_refused "$(basename "$file" .pack)" || bad=$((bad + 1))
		flip "$file"
	done
	is "$WORLD: one flipped bit in each of $files files is refused" 0 "$bad"
	check "$WORLD: more than the manifest, its signature and the index" test "$files" -ge 4
	check "$WORLD: once put right it is restored" bolt capsule restore one@latest
	check "$WORLD: it counts on" goes_on one
	check "$WORLD: with all of its memory" whole one
}

# What a restore leaves goes behind it. Where that cannot be, it is no start's to take back what was written since; and
# what a killed one has unpacked goes with the next start.
left_behind() {
	local data
	data=$BOLT_DATA/capsules/$(id_of one)
	bolt capsule stop -t 0 one >/dev/null
	mkdir -p "$data/restoring-done/busy" "$data/restoring-killed"
	mount -t tmpfs none "$data/restoring-done/busy"
	check "$WORLD: what an earlier restore left is in the way of none" bolt capsule restore one
	bolt capsule exec one sh -c 'echo since >/since'
	bolt capsule stop -t 0 one >/dev/null
	mkdir "$data/restoring-killed"
	bolt capsule start one >/dev/null
	is "$WORLD: what was written since a restore is there" since "$(bolt capsule exec one cat /since 2>&1)"
	umount "$data/restoring-done/busy"
	bolt capsule stop -t 0 one >/dev/null
	bolt capsule start one >/dev/null
	is "$WORLD: a start sweeps what restores have left" '' "$(find "$data" -maxdepth 1 -name 'resto*')"
}

# Images are unpacked into memory: the disk needs room for the capsule's own files alone.
narrow() {
	bolt capsule snapshot one >/dev/null
	mount -o remount,size=$(($(du -sk "$BOLT_DATA" | cut -f1) + 1000))k "$BOLT_DATA"
	check "$WORLD: a disk with room for the files alone is enough" bolt capsule restore one
	check "$WORLD: it counts on" goes_on one
	bolt capsule stop -t 0 one >/dev/null
	mount -o remount,size=$(du -sk "$BOLT_DATA" | cut -f1)k "$BOLT_DATA"
	fallocate -l 100M "$BOLT_DATA/filled" 2>/dev/null || true
	refused bolt capsule restore one >"$T/out" 2>&1 || fail "$WORLD: a full disk was enough"
	like "$WORLD: a full disk is said so" 'room|No space' "$(cat "$T/out")"
	rm -f "$BOLT_DATA/filled"
	mount -o remount,size=50% "$BOLT_DATA"
	check "$WORLD: with room it is restored" bolt capsule restore one
	check "$WORLD: with all of its memory" whole one
	bolt snapshot rm one@latest >/dev/null
}

full() {
	local before size said
	before=$(find "$BOLT_DATA/snapshots" -type f | wc -l)
	mount -t tmpfs -o size=3m none "$BOLT_DATA/snapshots"
	for size in 1 3; do
		mount -o remount,size=${size}m "$BOLT_DATA/snapshots"
		said=$(bolt capsule snapshot one 2>&1) && fail "$WORLD: a disk of $size MiB was enough"
		like "$WORLD: a disk of $size MiB is full: it says so" 'room|No space|MiB' "$said"
		is "$WORLD: in one line" 1 "$(wc -l <<<"$said")"
		check "$WORLD: the capsule runs on" goes_on one
		check "$WORLD: with all of its memory" whole one
		is "$WORLD: nothing of it is left" '' "$(find "$BOLT_DATA/snapshots" -name '*.pack' -o -name manifest.json)"
	done
	# A further one writes what has changed, and needs no more.
	mount -o remount,size=16m "$BOLT_DATA/snapshots"
	bolt capsule snapshot one --leave-running >/dev/null
	mount -o remount,size=$(($(du -sk "$BOLT_DATA/snapshots" | cut -f1) + 2000))k "$BOLT_DATA/snapshots"
	is "$WORLD: what may not have room is not refused" 'disk maybe' \
		"$(bolt capsule snapshot one --check --format json | jq -r '.[] | "\(.check) \(if .fatal then "fails" else "maybe" end)"')"
	check "$WORLD: a further snapshot has, since it shares what it can" bolt capsule snapshot one --leave-running
	umount "$BOLT_DATA/snapshots"
	is "$WORLD: others are as they were" "$before" "$(find "$BOLT_DATA/snapshots" -type f | wc -l)"
}

found() { bolt capsule snapshot "$1" --check --format json 2>/dev/null | jq -r '[.[].check] | unique | join(" ")'; }

checks() {
	local before
	mkdir -p "$T/volume"
	before=$(count_of one)
	is "$WORLD: nothing is against a snapshot" '' "$(found one)"
	check "$WORLD: the check touches nothing" beyond one "$((before - 1))"
	bolt capsule create sock --image "$ROOT" --runtime "$RUNTIME" -v "$T/volume:/v" -- sh -c 'exec sleep 1000 3<>/v/file' >/dev/null
	remember sock
	bolt capsule start sock >/dev/null
	sleep 0.3
	is "$WORLD: a file of a volume is not against it" '' "$(found sock)"
	check "$WORLD: snapshot of it" bolt capsule snapshot sock
	echo longer >"$T/volume/file"
	refuses "$WORLD: a file that a process has open and that changed its size" 1 'bytes now and had' bolt capsule restore sock@latest
	mv "$T/volume" "$T/elsewhere"
	refuses "$WORLD: a volume that is gone" 1 'No such file' bolt capsule restore sock@latest
	mv "$T/elsewhere" "$T/volume"
	: >"$T/volume/file"
	check "$WORLD: as it was it is restored" bolt capsule restore sock@latest
	bolt capsule rm -f sock >/dev/null
}

# has_memory KB SWAP: what the host has free, where that file is mounted over its own.
has_memory() { printf 'MemTotal: 4096000 kB\nMemAvailable: %s kB\nSwapTotal: 512000 kB\nSwapFree: %s kB\n' "$1" "$2" >"$T/meminfo"; }

# What is on the GPU comes to lie in the process: what has no room for it, its control group or the host, is found before. The
# simulated driver's context alone has 256 MiB.
rooms() {
	if has_controllers; then
		counter small 2 4 --memory 128m
		is "$WORLD: a memory limit that has no room" memory-cgroup "$(found small)"
		refuses "$WORLD: it is refused" 1 "cgroup's memory limit leaves room for" bolt capsule snapshot small
		check "$WORLD: and counts on" goes_on small
		bolt capsule rm -f small >/dev/null
		counter large 2 4 --memory 2g
		is "$WORLD: one that has room is not against it" '' "$(found large)"
		bolt capsule rm -f large >/dev/null
	else
		echo '# left out: no memory controller in this world'
	fi
	has_memory 128000 64000
	counter host 2 4
	mount --bind "$T/meminfo" /proc/meminfo
	is "$WORLD: a host without the memory" memory-host "$(found host)"
	has_memory 128000 512000
	is "$WORLD: with swap it has" '' "$(found host)"
	bolt capsule snapshot host >/dev/null
	has_memory 1000 0
	refuses "$WORLD: a restore for which the host has no memory" 1 'the host has 0 MiB available' bolt capsule restore host
	umount /proc/meminfo
	check "$WORLD: and one for which it has" bolt capsule restore host
	check "$WORLD: which counts on" goes_on host
	bolt capsule rm -f host >/dev/null
}

# Whether processes share memory by CUDA IPC only the driver knows: found as what may be, refused by the driver, undone.
sharing() {
	cp "$NVB_BUILD/tests/integration/gpu-ipc" "$ROOT/bin/"
	bolt capsule create ipc --image "$ROOT" --runtime "$RUNTIME" --gpu 3 -- gpu-ipc /said >/dev/null
	remember ipc
	bolt capsule start ipc >/dev/null
	check "$WORLD: two processes share memory on a GPU" eventually eval '[ "$(bolt capsule exec ipc cat /said)" = shared ]'
	is "$WORLD: which may be against a snapshot" 'ipc maybe' \
		"$(bolt capsule snapshot ipc --check --format json | jq -r '.[] | "\(.check) \(if .fatal then "fails" else "maybe" end)"')"
	refuses "$WORLD: it is" 1 'the driver cannot for this process.*CUDA_ERROR_NOT_SUPPORTED' bolt capsule snapshot ipc
	is "$WORLD: both run on" running "$(shown ipc | cut -d' ' -f2)"
	kill -USR1 "$(init_of ipc)"
	check "$WORLD: once they share it no more" eventually eval '[ "$(bolt capsule exec ipc cat /said)" = closed ]'
	check "$WORLD: they are saved" bolt capsule snapshot ipc
	check "$WORLD: and restored" bolt capsule restore ipc
	bolt capsule rm -f ipc >/dev/null
}

# Who has locked a process by hand finds it so: a snapshot that is refused for it undoes nothing that it has not done.
locked() {
	local pid
	counter held 3 4
	pid=$(init_of held)
	nvbind gpu-state lock "$pid"
	refuses "$WORLD: a process that somebody else has locked" 1 'is locked already' bolt capsule snapshot held
	is "$WORLD: stays locked" locked "$(nvbind gpu-state status --format json "$pid" | jq -r '.[0].state')"
	nvbind gpu-state checkpoint "$pid"
	refuses "$WORLD: and one that he has checkpointed" 1 'is checkpointed already' bolt capsule snapshot held
	is "$WORLD: stays so" checkpointed "$(nvbind gpu-state status --format json "$pid" | jq -r '.[0].state')"
	nvbind gpu-state restore "$pid"
	nvbind gpu-state unlock "$pid"
	check "$WORLD: by his hand it counts on" goes_on held
	check "$WORLD: and is saved" bolt capsule snapshot held
	bolt capsule rm -f held >/dev/null
}

world() {
	trap end_capsules EXIT
	counter one 1 16
	check "$WORLD: it counts" goes_on one
	checks
	rooms
	sharing
	locked
	flipped
	left_behind
	narrow
	full
	bolt capsule rm -f one >/dev/null
	is "$WORLD: nothing is left" '' "$(leaked)"
}

RUNTIME=runc
if runtime_works runc v1; then WORLD='runc v1' version=v1; else WORLD='runc v2' version=v2; fi
export RUNTIME WORLD
"with_cgroup_$version" surge_state world
