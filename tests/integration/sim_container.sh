#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside a container the simulated driver works by the mounts and nodes that a real one gets, and by nothing else.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim bolt runc
toy=$NVB_BUILD/tests/integration/cuda-toy

make_sim h200x8 "$T/host"
make_glibc_root "$T/base"
cp "$toy" "$T/base/bin/cuda-toy"
export NVBIND_ROOT=$T/host
smi() { LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu "$T/host/usr/bin/nvidia-smi" "$@"; }
run() { bolt surge run --rm "$@"; }
uuid_of() { smi -i "$1" -L | grep -o 'GPU-[0-9a-f-]*'; }

is 'NVML sees the GPU that was given' "$(uuid_of 2)" \
	"$(run --gpu 2 "$T/base" nvidia-smi -L | grep -o 'GPU-[0-9a-f-]*')"
is 'so does CUDA' "$(uuid_of 2)" "GPU-$(run --gpu 2 "$T/base" cuda-toy list | cut -d' ' -f2)"
is 'and both see all of them' '8 8' \
	"$(run --gpu all "$T/base" nvidia-smi -L | wc -l) $(run --gpu all "$T/base" cuda-toy list | wc -l)"
check 'kernels compute' run --gpu 7 "$T/base" cuda-toy run
is 'memory is the card'"'"'s' '139 GiB' "$(run --gpu 7 "$T/base" cuda-toy fill)"
is 'a node made by hand opens nothing that was not given' 1 "$(run --gpu 2 "$T/base" sh -c \
	'mknod /dev/nvidia3 c $((0x$(stat -c %t /dev/nvidia2))) 3 2>/dev/null; cuda-toy list | wc -l')"

mkfifo "$T/in" "$T/out"
run -i --gpu 5 "$T/base" cuda-toy hold 0 100 <"$T/in" >"$T/out" &
container=$!
exec 8>"$T/in" 9<"$T/out"
read -r word <&9
is 'a program in a container holds memory' ready "$word"
row=$(smi --query-compute-apps=pid,used_memory,gpu_uuid --format=csv,noheader,nounits | tr -d ' ')
is 'the host sees how much, and where' "356,$(uuid_of 5)" "${row#*,}"
is 'and its pid on the host' cuda-toy "$(cat "/proc/${row%%,*}/comm")"
exec 8>&- 9<&-
wait "$container" || fail 'the container ends well' "status $?"
is 'afterwards there is nobody' '' "$(smi --query-compute-apps=pid --format=csv,noheader)"
