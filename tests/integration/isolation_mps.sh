#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Limits that MPS keeps: each is gone beyond inside a capsule and fails, and every way around it that is known is
# found before the capsule runs.
. "$(dirname "$0")/lib.sh"
need_root
need bolt nvbind jq nvbind-sim
toy=$NVB_BUILD/tests/integration/cuda-toy

make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
make_glibc_root "$T/base"
chmod 711 "$T"
grants=$T/host/run/nvbind/grants
# What a failure leaves behind.
end_daemons() {
	local p
	for p in $(grep -lz "^CUDA_MPS_PIPE_DIRECTORY=$grants/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
		kill -KILL "$p" 2>/dev/null || true
	done
}
defer end_daemons
mps=$T/host/usr/bin/nvidia-cuda-mps-control

run() { bolt surge run --rm -v "$toy:/toy:ro" "$@"; }
granted() { [ ! -d "$grants" ] || ls "$grants"; }
daemons() { grep -lz "^CUDA_MPS_PIPE_DIRECTORY=$grants/" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
until_is() { # WANTED COMMAND...
	local want=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		[ "$("$@")" != "$want" ] || return 0
		sleep 0.05
	done
	return 1
}

# The plan says what would be.
plan=$(nvbind plan --gpu 2 --gpu-memory-limit 8GB --gpu-compute-limit 80% --format json)
is 'the plan says who keeps the limits' 'memory driver MPS 8000000000 7999586304, compute driver MPS 80.0 80.0' \
	"$(jq -r '[.edits[] | select(.kind == "limit") | "\(.of) \(.enforced_by) \(.by) \(.asked_bytes // .asked_percent) \(.granted_bytes // .granted_percent)"] | join(", ")' <<<"$plan" | sed 's/ 80 80/ 80.0 80.0/')"
is 'and whose the GPU is' 'exclusive 1' "$(nvbind plan --gpu 2 --isolation exclusive --format json | jq -r .isolation) \
$(nvbind plan --gpu 2 --isolation exclusive | grep -c 'isolation exclusive: nobody else')"
is 'and has no warning' '[]' "$(jq -c .warnings <<<"$plan")"
is 'showing it makes nothing' '' "$(granted)"

# Enforced: a test goes beyond and fails.
is 'memory ends at the limit' '7 GiB' "$(run --gpu 2 --gpu-memory-limit 8GiB "$T/base" /toy fill 0)"
is 'GB are smaller' '6 GiB' "$(run --gpu 2 --gpu-memory-limit 7.4GB "$T/base" /toy fill 0)"
is 'multiprocessors are fewer' 105 "$(run --gpu 2 --gpu-compute-limit 80% "$T/base" /toy list | awk '{print $4}')"
is 'without a limit there is none' '139 GiB' "$(run --gpu 2 "$T/base" /toy fill 0)"
is 'on each of two GPUs' '3 GiB 3 GiB' \
	"$(run --gpu 1 --gpu 3 --gpu-memory-limit 4GiB "$T/base" sh -c '/toy fill 0; /toy fill 1' | xargs)"
is 'virtual without MIG' '3 GiB' "$(run --isolation virtual --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0)"
is 'also where the environment was cleared' '3 GiB' \
	"$(run --gpu 2 --gpu-memory-limit 4GiB "$T/base" env -i /toy fill 0)"
is 'and below a tmpfs of the user' '3 GiB' \
	"$(run --tmpfs /tmp --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0)"
is 'another user is limited, too' '3 GiB' \
	"$(run -u 65534 --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0)"
is 'nothing of it stays' '' "$(granted)"
is 'no daemon either' 0 "$(daemons)"

# Inside, nobody changes his own limits.
cp "$mps" "$T/base/mps"
is 'the container cannot raise it' 'Insufficient permissions, 3 GiB' \
	"$(run --gpu 2 --gpu-memory-limit 4GiB "$T/base" sh -c \
		'echo "set_default_device_pinned_mem_limit 0 64G" | /mps; /toy fill 0' | xargs | sed 's/permissions /permissions, /')"

# Nor fills it the host's /run.
like 'its way to the daemon has a bound' '^(7|8|9)[0-9]* KiB|^1000 KiB|^10[0-2][0-9] KiB' \
	"$(run --gpu 2 --gpu-memory-limit 4GiB "$T/base" sh -c \
		'dd if=/dev/zero of=/tmp/nvidia-mps/big bs=64k count=200 2>/dev/null; du -k /tmp/nvidia-mps/big | cut -f1' | sed 's/$/ KiB/')"
is 'in files, too' yes "$(run --gpu 2 --gpu-memory-limit 4GiB "$T/base" sh -c \
	'cd /tmp/nvidia-mps; touch $(seq 1 1000) 2>/dev/null; [ "$(ls | wc -l)" -lt 300 ] && echo yes')"

# Whose limits MPS keeps is in no snapshot, which is said when one is asked for, and not when it is to be taken.
bolt capsule create kept --image "$T/base" --gpu 2 --gpu-memory-limit 4GiB -- sleep 1000 >/dev/null
refuses 'nor can a snapshot be had' 125 'no snapshot: its limits are kept by MPS' bolt capsule start kept --gpu-snapshot
is 'and nothing was started' created "$(bolt capsule inspect kept | jq -r '.[0].state')"
bolt capsule rm kept >/dev/null

# Ways out of it are found before.
refuses 'a wrong pipe directory' 125 'CUDA_MPS_PIPE_DIRECTORY=/nowhere: no MPS daemon is there .*leave the variable out' \
	run -e CUDA_MPS_PIPE_DIRECTORY=/nowhere --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0
refuses 'a variable that drops every limit' 125 'CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=1G,7=1G: .*drops every limit' \
	run -e CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=1G,7=1G --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0
check 'who asks for no limit may set them' run -e CUDA_MPS_PIPE_DIRECTORY=/nowhere --gpu 2 "$T/base" /toy fill 0
is 'the refused leave nothing' '' "$(granted)"

# A daemon that does not start, or keeps other limits.
mv "$mps" "$mps.real"
printf '#!/bin/sh\necho "the driver is sad" >&2\nexit 1\n' >"$mps"
chmod 755 "$mps"
refuses 'a daemon that does not start' 125 'the driver is sad' run --gpu 2 --gpu-memory-limit 4GiB "$T/base" true
printf '#!/bin/sh\nif [ "$1" = -d ]; then exec %s -d; fi\nsed "s/^set_.*//" | exec %s\n' "$mps.real" "$mps.real" >"$mps"
refuses 'a daemon that keeps other limits' 125 'keeps other limits than were set' \
	run --gpu 2 --gpu-memory-limit 4GiB "$T/base" true
rm "$mps"
refuses 'virtual without either' 125 'MIG is switched off on the GPUs that were asked for.*nvidia-cuda-mps-control is not installed' \
	run --isolation virtual --gpu 2 --gpu-memory-limit 4GiB "$T/base" true
message=$(run --isolation exclusive --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0 2>&1)
like 'exclusive without either runs' '139 GiB' "$message"
like 'and warns' "warning: the limit on the GPU's memory is recorded and nobody enforces it: there is no MPS here" "$message"
mv "$mps.real" "$mps"
refuses 'virtual without a limit' 125 'MPS needs a limit to keep' run --isolation virtual --gpu 2 "$T/base" true
is 'none of them leaves anything' '' "$(granted)"
until_is 0 daemons || fail 'no daemon stays' "$(daemons)"

# The kernel's own controller of device memory, where the driver has a region for the GPU: a tree that says so, since no
# kernel here has it. So nothing can take the limit, and the container does not run without it.
pci=$(nvbind info --format json | jq -r '.gpus[2].pci_address' | tr A-F a-f)
mkdir -p "$T/host/sys/fs/cgroup"
printf 'drm/%s/vram0 150754820096\n' "$pci" >"$T/host/sys/fs/cgroup/dmem.capacity"
is 'dmem keeps a limit of memory' 'memory kernel dmem' "$(nvbind plan --gpu 2 --gpu-memory-limit 4GiB --format json |
	jq -r '.edits[] | select(.kind == "limit") | "\(.of) \(.enforced_by) \(.by)"')"
like 'not one of multiprocessors' 'compute driver MPS' "$(nvbind plan --gpu 2 --gpu-memory-limit 4GiB --gpu-compute-limit 50% --format json |
	jq -r '.edits[] | select(.kind == "limit") | "\(.of) \(.enforced_by) \(.by)"')"
like 'nor on a GPU without a region' 'memory driver MPS' "$(nvbind plan --gpu 3 --gpu-memory-limit 4GiB --format json |
	jq -r '.edits[] | select(.kind == "limit") | "\(.of) \(.enforced_by) \(.by)"')"
refuses 'where the control group cannot keep it nothing runs' 125 'dmem|unified|cgroup' \
	run --gpu 2 --gpu-memory-limit 4GiB "$T/base" true
mkdir -p "$T/xdg/nvbind"
printf '[isolation]\ndmem = false\n' >"$T/xdg/nvbind/config.toml"
is 'unless the configuration says that it is not used' '3 GiB' \
	"$(XDG_CONFIG_HOME=$T/xdg run --gpu 2 --gpu-memory-limit 4GiB "$T/base" /toy fill 0)"
rm -r "$T/host/sys/fs"

# While it runs: shared by two, each with its own limit; a killed bolt leaves the limit; a dead capsule frees it.
mkfifo "$T/one" "$T/two"
start() { # NAME ARGUMENT...
	bolt surge run --rm -v "$T:/t" -v "$toy:/toy:ro" "${@:2}" "$T/base" \
		sh -c "trap exit TERM; echo up >/t/$1; while :; do sleep 0.1; done" >/dev/null 2>"$T/$1.log" &
	read -r _ <"$T/$1"
}
pids=()
end_all() {
	local p
	for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
}
defer end_all
start one --gpu 2 --gpu-memory-limit 4GiB
first=$!
start two --gpu 2 --gpu-memory-limit 2GiB
second=$!
pids=("$first" "$second")
is 'two daemons' 2 "$(granted | wc -l)"
refuses 'exclusively it is not free' 125 'GPU 2 .*is in use by bolt container .* and 1 more' \
	run --isolation exclusive --gpu 2 "$T/base" true
containers=$(nvbind info --leases --json | jq -r '.[].process')
pids+=($containers)
kill -KILL "$first"
wait "$first" 2>/dev/null || true
is "a killed bolt's daemon stays with its container" 2 "$(granted | wc -l)"
kill -TERM "$second"
wait "$second" 2>/dev/null || true
until_is 1 eval 'granted | wc -l' || fail 'the other is gone' "$(granted)"
for p in $containers; do kill -KILL "$p" 2>/dev/null || true; done
until_is 'Nobody holds a GPU' nvbind info --leases || fail 'the dead hold nothing' "$(nvbind info --leases)"
run --gpu 5 "$T/base" true
is 'the next command takes back what a dead container left' '' "$(granted)"
until_is 0 daemons || fail 'its daemon, too' "$(daemons)"
