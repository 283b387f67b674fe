#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Virtual isolation by MIG: a device is found or made for a capsule, its size holds inside, it goes with its capsule,
# also when nobody is left to remove it.
. "$(dirname "$0")/lib.sh"
need_root
need bolt nvbind jq nvbind-sim
toy=$NVB_BUILD/tests/integration/cuda-toy

make_sim h200x8 "$T/host" --gpus 3
export NVBIND_ROOT=$T/host
make_glibc_root "$T/base"
grants=$T/host/run/nvbind/grants
nvbind mig apply --no-refresh - >/dev/null 2>&1 <<'END'
version: v1
mig-configs:
  some:
  - {devices: [0], mig-enabled: true, mig-devices: {3g.71gb: 1}}
  - {devices: [1], mig-enabled: true, mig-devices: {}}
END

run() { bolt surge run --rm -v "$toy:/toy:ro" "$@"; }
granted() { [ ! -d "$grants" ] || ls "$grants"; }
profiles() { nvbind mig list --gpu "$1" --format json | jq -r '[.[0].devices[].profile] | join(" ")'; }
reads() { # FIFO
	local line
	read -r line <"$1"
}

like 'the plan says what would be made' '1g.18gb.*hardware' \
	"$(nvbind plan --gpu 1 --isolation virtual --gpu-memory-limit 10GB | grep 'limit .*memory')"
is 'and makes nothing' '' "$(profiles 1)"

is 'one of at least that size is made, and its size holds' '15 GiB' \
	"$(run --gpu 1 --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy fill 0)"
is 'its multiprocessors, too' 16 \
	"$(run --gpu 1 --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy list | awk '{print $4}')"
is 'a share of the card' 32 \
	"$(run --gpu 1 --isolation virtual --gpu-compute-limit 25% "$T/base" /toy list | awk '{print $4}')"
is 'it goes with its capsule' '' "$(profiles 1)"
is 'and leaves nothing' '' "$(granted)"
is 'one that is free is used' '3g.71gb' \
	"$(run --gpu 0 --isolation virtual --gpu-memory-limit 60GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
is 'and stays' 3g.71gb "$(profiles 0)"
is 'all GPUs: any of them may serve' 1 \
	"$(run --gpu all --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy list | grep -c MIG)"
is 'strict takes the size that was said' 1g.35gb "$(run --gpu 1 --isolation virtual --mig-match strict \
	--gpu-memory-limit 35GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
refuses 'strict, and there is no such size' 125 'no MIG profile here has 36.0 GB exactly' \
	run --gpu 1 --isolation virtual --mig-match strict --gpu-memory-limit 36GB "$T/base" true
refuses 'more than a card has' 125 'no MIG profile here has 500.0 GB' \
	run --gpu 1 --isolation virtual --gpu-memory-limit 500GB "$T/base" true
is 'down takes what there is' 7g.141gb "$(run --gpu 1 --isolation virtual --mig-match down \
	--gpu-memory-limit 500GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
refuses 'a named one that is smaller' 125 'MIG device 0:0 \(3g.71gb\) is smaller' \
	run --gpu 0:0 --isolation virtual --gpu-memory-limit 100GB "$T/base" true
is 'a named one that is large enough' '3g.71gb' \
	"$(run --gpu 0:0 --isolation virtual --gpu-memory-limit 60GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
is 'others of the card are not there inside' 1 \
	"$(run --gpu 1 --isolation virtual "$T/base" sh -c 'ls /dev/nvidia[0-9]* | wc -l')"

# Taken ones.
start() { # NAME ARGUMENT...
	mkfifo "$T/$1"
	bolt surge run --rm -v "$T:/t" "${@:2}" "$T/base" \
		sh -c "trap exit TERM; echo up >/t/$1; while :; do sleep 0.1; done" >/dev/null 2>"$T/$1.log" &
	reads "$T/$1"
}
pids=()
end_all() {
	local p
	for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
}
defer end_all
start one --gpu 1 --isolation virtual --gpu-memory-limit 60GB
first=$!
start two --gpu 1 --isolation virtual --gpu-memory-limit 60GB
second=$!
pids+=("$first" "$second" $(nvbind info --leases --json | jq -r '.[].process'))
is 'two parts of one card' '3g.71gb 3g.71gb' "$(profiles 1)"
is 'each is held by one alone' 'exclusive exclusive' "$(nvbind info --leases --json | jq -r '[.[].mode] | join(" ")')"
refuses 'no room for a third' 125 'no MIG device for 60.0 GB is free, and there is no room' \
	run --gpu 1 --isolation virtual --gpu-memory-limit 60GB "$T/base" true
refuses 'nor is the whole card to be had' 125 'is (in use|held exclusively) by bolt container' \
	run --gpu 1 --isolation exclusive "$T/base" true
device=$(nvbind info --leases --json | jq -r '.[0].devices[0].id')
refuses 'nor one of these' 125 'held exclusively by bolt container' run --gpu "$device" "$T/base" true

kill -TERM "$second"
wait "$second" 2>/dev/null || true
is 'one that ends takes its device along' 3g.71gb "$(profiles 1)"
container=$(nvbind info --leases --json | jq -r '.[].process')
kill -KILL "$first"
wait "$first" 2>/dev/null || true
is "a killed bolt's stays with its container" 3g.71gb "$(profiles 1)"
kill -KILL "$container"
for ((i = 0; i < 200; i++)); do grep -q '^State:.[A-Y]' "/proc/$container/status" 2>/dev/null || break; sleep 0.02; done
run --gpu 2 "$T/base" true
is 'and goes by the next command once that is dead' '' "$(profiles 1)"
is 'with its record' '' "$(granted)"

# Where the configuration lets it, MIG is switched on for a capsule, on a GPU that nobody uses.
export XDG_CONFIG_HOME=$T/xdg
mkdir -p "$XDG_CONFIG_HOME/nvbind"
configure() { printf '[isolation]\n%s\n' "$*" >"$XDG_CONFIG_HOME/nvbind/config.toml"; }
mode() { nvbind mig list --gpu "$1" --format json | jq -r '.[0].enabled'; }
off=$(mode 2)
is 'by default it is not: MPS keeps the limit' '9 GiB GPU' \
	"$(run --gpu 2 --isolation virtual --gpu-memory-limit 10GiB "$T/base" sh -c '/toy fill 0; /toy list' | sed 's/.*MIG.*/MIG/; s/^0 .*/GPU/' | xargs)"
refuses 'without a limit nothing is left, and why is told' 125 'MIG is switched off on the GPUs.*mig-mode' \
	run --gpu 2 --isolation virtual "$T/base" true
configure 'mig-mode = true'
like 'the plan says that it would be' 'MIG switched on for it' \
	"$(nvbind plan --gpu 2 --isolation virtual --gpu-memory-limit 10GB)"
is 'and leaves it off' "$off" "$(mode 2)"
is 'a device of the size that was asked' '1g.18gb' \
	"$(run --gpu 2 --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
is 'and off again when it has gone' "$off" "$(mode 2)"
is 'a GPU that is divided already comes first' '1g.18gb' \
	"$(run --gpu 1 --gpu 2 --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
start three --gpu 2
third=$!
pids+=("$third" $(nvbind info --leases --json | jq -r '.[].process'))
is 'not while somebody uses it: then it is MPS' '9 GiB' \
	"$(run --gpu 2 --isolation virtual --gpu-memory-limit 10GiB "$T/base" /toy fill 0)"
refuses 'or a refusal' 125 'isolation virtual' run --gpu 2 --isolation virtual "$T/base" true
is 'it is not touched' "$off" "$(mode 2)"
kill -TERM "$third"
wait "$third" 2>/dev/null || true
start four --gpu 2 --isolation virtual --gpu-memory-limit 10GB
fourth=$!
container=$(nvbind info --leases --json | jq -r '.[].process')
pids+=("$fourth" "$container")
is 'two may share what was switched on' '1g.18gb' \
	"$(run --gpu 2 --isolation virtual --gpu-memory-limit 10GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
is 'the first of them keeps it on' 1g.18gb "$(profiles 2)"
kill -KILL "$fourth"
wait "$fourth" 2>/dev/null || true
kill -KILL "$container"
for ((i = 0; i < 200; i++)); do grep -q '^State:.[A-Y]' "/proc/$container/status" 2>/dev/null || break; sleep 0.02; done
run --gpu 0:0 "$T/base" true
is "a killed bolt's mode is put back with its device" "$off " "$(mode 2) $(profiles 2)"
nvbind mig apply --no-refresh - >/dev/null 2>&1 <<'END'
version: v1
mig-configs:
  some:
  - {devices: [2], mig-enabled: true, mig-devices: {}}
END
on=$(mode 2)
run --gpu 2 --isolation virtual --gpu-memory-limit 10GB "$T/base" true
is "an administrator's mode stays" "$on" "$(mode 2)"
nvbind mig apply --no-refresh - >/dev/null 2>&1 <<'END'
version: v1
mig-configs:
  some:
  - {devices: [2], mig-enabled: false}
END

# What the configuration forbids.
configure 'mig-create = false'
refuses 'none is made' 125 'no MIG device for 10.0 GB is free.*mig-create' \
	run --gpu 1 --isolation virtual --gpu-memory-limit 10GB "$T/base" true
is 'one that is there is given' '3g.71gb' \
	"$(run --gpu 0 --isolation virtual --gpu-memory-limit 60GB "$T/base" /toy list | grep -o '[0-9]g[.][0-9]*gb')"
configure 'mps = false'
refuses 'no MPS daemon' 125 'MIG is switched off.*no MPS daemon be started' \
	run --gpu 2 --isolation virtual --gpu-memory-limit 10GB "$T/base" true
like 'a limit is recorded, with the reason' 'nobody enforces it: the configuration lets no MPS daemon be started' \
	"$(run --gpu 2 --gpu-memory-limit 10GB "$T/base" true 2>&1)"
is 'nothing of it stays' '' "$(granted)"
