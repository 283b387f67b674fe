#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The simulated libcuda.so.1: devices, memory that is real, kernels that compute, faults, MIG.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim
toy=$NVB_BUILD/tests/integration/cuda-toy
mig=$NVB_BUILD/tests/integration/sim-mig

make_sim h200x8 "$T/host"
root=$T/host
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
smi() { "$root/usr/bin/nvidia-smi" "$@"; }
used() { smi -i "$1" --query-gpu=memory.used --format=csv,noheader,nounits; }
apps() { smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits | tr -d ' '; }
gone() { ! [ -e "$1" ]; }
end_holder() { [ -z "$holder" ] || kill "$holder"; }
# until_is WANTED COMMAND...: the daemon hears of a closed connection a moment later.
until_is() {
	local want=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		[ "$("$@")" != "$want" ] || return 0
		sleep 0.02
	done
	return 1
}

is 'eight devices' 8 "$("$toy" list | wc -l)"
is 'UUIDs as NVML gives them' "$(smi -L | grep -o 'GPU-[0-9a-f-]*' | cut -c5-)" "$("$toy" list | cut -d' ' -f2)"
is 'CUDA_VISIBLE_DEVICES by number' "$("$toy" list | awk '$1 == 5 {print $2}')" \
	"$(CUDA_VISIBLE_DEVICES=5 "$toy" list | cut -d' ' -f2)"
is 'CUDA_VISIBLE_DEVICES by UUID' 1 \
	"$(CUDA_VISIBLE_DEVICES=$(smi -L | grep -o 'GPU-[0-9a-f-]*' | head -1) "$toy" list | wc -l)"
like 'an empty one hides all' NO_DEVICE "$(CUDA_VISIBLE_DEVICES='' "$toy" list 2>&1 || true)"
check 'kernels compute' "$toy" run 3
check 'mistakes get their errors' "$toy" misuse

# A node that cannot be opened is a GPU that is not there.
mv "$root/dev/nvidia2" "$T/away"
is 'seven devices with seven nodes' 7 "$("$toy" list | wc -l)"
mv "$T/away" "$root/dev/nvidia2"

# Memory and processes.
mkfifo "$T/in" "$T/out"
"$toy" hold 1 1024 <"$T/in" >"$T/out" &
holder=$!
defer end_holder
exec 8>"$T/in" 9<"$T/out"
read -r word <&9
is 'the program holds memory' ready "$word"
is 'NVML shows the program' "$holder,1280" "$(apps)" # and 256 MiB of the context itself
check 'and the memory' test "$(used 1)" -ge 1280
is 'a GPU that computes is in P0' P0 "$(smi -i 1 --query-gpu=pstate --format=csv,noheader)"
refuses 'a machine in use is not replaced' 1 "in use \(process $holder\)" nvbind-sim create --scenario t4x1 "$root"
is 'a second program gets the rest, no more' '138 GiB' "$("$toy" fill 1)"
kill -KILL "$holder"
wait "$holder" 2>/dev/null || true
holder=
exec 8>&- 9<&-
check 'a killed program gives its memory back' until_is 0 used 1
is 'and leaves the list' '' "$(apps)"

# Faults.
nvbind-sim fail "$root" gpu 4 ecc
like 'an ECC error reaches programs' ECC_UNCORRECTABLE "$("$toy" run 4 2>&1 || true)"
check 'on that GPU alone' "$toy" run 3
nvbind-sim fail "$root" gpu 4 none
check 'until it is mended' "$toy" run 4
nvbind-sim fail "$root" gpu 4 off-bus
is 'a GPU off the bus is not counted' 7 "$("$toy" list | wc -l)"
is 'nor is it in /proc' 7 "$(find "$root/proc/driver/nvidia/gpus" -name information | wc -l)"
check 'nor has it a node' gone "$root/dev/nvidia4"
nvbind-sim fail "$root" gpu 4 none
is 'mended, it is back' 8 "$(find "$root/proc/driver/nvidia/gpus" -name information | wc -l)"
check 'with its node, and works' "$toy" run 4

# Live control.
nvbind-sim set "$root" vary=off gpu0.temperature=81 'gpu*.utilization=97'
is 'temperature' 81 "$(smi -i 0 --query-gpu=temperature.gpu --format=csv,noheader)"
is 'utilisation of all' 8 "$(smi --query-gpu=utilization.gpu --format=csv,noheader,nounits | grep -cx 97)"
refuses 'a setting that does not exist' 1 "'temprature'.*did you mean temperature" \
	nvbind-sim set "$root" gpu0.temprature=1
refuses 'a GPU that does not exist' 1 'has 8 GPUs' nvbind-sim set "$root" gpu8.fan=1
refuses 'a value out of range' 1 'from 0 to 100' nvbind-sim set "$root" gpu0.utilization=101
refuses 'nothing is set when one is wrong' 1 'fann' nvbind-sim set "$root" gpu0.temperature=12 gpu0.fann=1
is 'nothing was' 81 "$(smi -i 0 --query-gpu=temperature.gpu --format=csv,noheader)"
refuses 'a fault that does not exist' 1 "no fault 'loast'.*lost" nvbind-sim fail "$root" gpu 0 loast

# MIG: instances come and go with their files.
check 'MIG is switched on' "$mig" mode 6 1
read -r gi ci <<<"$("$mig" create 6 19 0)"
access=$root/proc/driver/nvidia/capabilities/gpu6/mig/gi$gi
check 'a GPU instance has its file' test -f "$access/access"
check 'a compute instance, too' test -f "$access/ci$ci/access"
for file in "$access/access" "$access/ci$ci/access"; do
	minor=$(awk '/DeviceFileMinor/ {print $2}' "$file")
	check "nvidia-cap$minor is a node" test -c "$root/dev/nvidia-caps/nvidia-cap$minor"
	like "mig-minors knows $minor" "/access $minor\$" "$(cat "$root/proc/driver/nvidia-caps/mig-minors")"
done
uuid=$(smi -L | grep -o 'MIG-[0-9a-f-]*')
is 'CUDA sees the MIG device' "${uuid#MIG-}" "$(CUDA_VISIBLE_DEVICES=$uuid "$toy" list | cut -d' ' -f2)"
CUDA_VISIBLE_DEVICES=$uuid check 'and computes on it' "$toy" run 0
like 'its memory is its own' '^1[0-9] GiB$' "$(CUDA_VISIBLE_DEVICES=$uuid "$toy" fill 0)"
check 'the instance goes' "$mig" destroy 6 "$gi" "$ci"
check 'and its files' gone "$access"
is 'and its nodes' 2 "$(find "$root/dev/nvidia-caps" -type c | wc -l)"

# Without the right version of the module, nothing.
make_sim mismatch "$T/other"
like 'libraries of another version' SYSTEM_DRIVER_MISMATCH \
	"$(LD_LIBRARY_PATH=$T/other/usr/lib64 "$toy" list 2>&1 || true)"
