#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Leases as users meet them: bolt takes them, info shows them, they outlive a killed bolt and not its container, and
# programs that only flock are respected.
. "$(dirname "$0")/lib.sh"
need_root
need bolt nvbind jq flock

make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
make_glibc_root "$T/base"
leases=$T/host/run/nvbind/leases

pids=()
end_all() {
	local p
	for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
	bolt surge run --rm "$T/base" true >/dev/null 2>&1 || true # sweeps what the killed ones left
}
defer end_all

held() { nvbind info --leases --json | jq -r '.[] | "\(.mode) \(.engine) \([.devices[].id] | join(","))"' | sort; }
wait_for() { # COMMAND...
	local i
	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.05
	done
	return 1
}
holds() { [ "$(held)" = "$1" ]; }
runs() { # FIFO: until the program inside says so
	local line
	read -r line <"$1"
}

is 'nobody holds anything' 'Nobody holds a GPU' "$(nvbind info --leases)"
is 'and nothing was made by asking' no "$([ -e "$leases" ] && echo yes || echo no)"

# start NAME ARGUMENT...: a capsule in the background that says when it runs.
start() {
	mkfifo "$T/$1"
	bolt surge run --rm -v "$T:/t" "${@:2}" "$T/base" sh -c "trap exit TERM; echo up >/t/$1; while :; do sleep 0.1; done" >/dev/null 2>"$T/$1.log" &
	pids+=($!)
	runs "$T/$1"
}

start one --gpu 2 --gpu 3 --isolation exclusive
is 'an exclusive lease is shown' 'exclusive bolt 2,3' "$(held)"
like 'as a table' '^ *2 +GPU-[0-9a-f-]+ +exclusive +bolt +[0-9a-f]{32} +[0-9]+$' "$(nvbind info --leases)"
refuses 'the same GPU, shared' 125 '^bolt: GPU 3 \(GPU-.*\) is held exclusively by bolt container [0-9a-f]{12} \(process [0-9]+\) \(.*nvbind info --leases.*\)$' \
	bolt surge run --rm --gpu 3 "$T/base" true
refuses 'all GPUs' 125 'GPU 2 .* is held exclusively' bolt surge run --rm --gpu all "$T/base" true
check 'another GPU is free' bolt surge run --rm --gpu 4 --isolation exclusive "$T/base" true
check 'no GPU, no lease' bolt surge run --rm "$T/base" true
start two --gpu 5
start three --gpu 5
refuses 'a GPU in use, exclusively' 125 'GPU 5 .* is in use by bolt container .* and 1 more' \
	bolt surge run --rm --gpu 5 --isolation exclusive "$T/base" true
is 'the refused leave no lease' 'exclusive bolt 2,3
shared bolt 5
shared bolt 5' "$(held)"

# A killed bolt leaves its container running, and the lease with it.
kill -KILL "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
like 'the lease outlives bolt' 'exclusive bolt 2,3' "$(held)"
init=$(nvbind info --leases --json | jq '.[] | select(.mode == "exclusive").process')
check 'with the life of the container' grep -qE '^NSpid:\s+[0-9]+\s+1$' "/proc/$init/status"
kill -KILL "$init"
check 'and ends with it' wait_for holds 'shared bolt 5
shared bolt 5'
check 'so that the GPU can be had again' bolt surge run --rm --gpu 2 --isolation exclusive "$T/base" true

kill -TERM "${pids[1]}" "${pids[2]}"
check 'ended capsules give their GPU back' wait_for holds ''
is 'and leave no record' '' "$(ls -A "$leases/records")"

# Programs that know nothing but the file.
gpu5=$leases/devices/$(nvbind info --json | jq -r '.gpus[5].pci_address')
exec 9<"$gpu5"
flock -s -n 9
refuses 'a flock of a stranger is respected' 125 'GPU 5 .* is held by a process that has it from process [0-9]+ \(' \
	bolt surge run --rm --gpu 5 --isolation exclusive "$T/base" true
check 'a shared one lets share' bolt surge run --rm --gpu 5 "$T/base" true
like 'and is shown' 'flock' "$(nvbind info --leases)"
exec 9<&-

# Who may hold a GPU by a flock is who may open its node.
chmod 755 "$T"
gpu6=$leases/devices/$(nvbind info --json | jq -r '.gpus[6].pci_address')
stranger() { setpriv --reuid 65534 --regid 65534 --clear-groups -- flock -n "$gpu6" true 2>/dev/null; }
check 'a GPU for everybody is leased' bolt surge run --rm --gpu 6 "$T/base" true
check 'and everybody may flock it' stranger
chmod 660 "$T/host/dev/nvidia6"
chgrp 44 "$T/host/dev/nvidia6"
check 'a GPU for a group is leased' bolt surge run --rm --gpu 6 "$T/base" true
is 'its file is for that group' '440 44' "$(stat -c '%a %g' "$gpu6")"
is 'and strangers hold it no more' refused "$(stranger && echo held || echo refused)"

refuses 'virtual is refused with the reason' 125 'isolation virtual: .*MIG' \
	bolt surge run --gpu 5 --isolation virtual "$T/base" true
refuses 'a word that is no mode' 125 "isolation: no such value 'exklusive'.*exclusive" \
	bolt surge run --gpu 5 --isolation exklusive "$T/base" true
