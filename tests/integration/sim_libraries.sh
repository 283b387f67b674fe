#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The libraries of a simulated driver are real to the loader, to ldconfig and to readelf.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim readelf gcc

make_sim rtx4090x1 "$T/host"
lib=$T/host/usr/lib/x86_64-linux-gnu
gcc -o "$T/dlopen_all" "$NVB_SOURCE/tests/integration/programs/dlopen_all.c" -ldl

sonames=()
for file in "$lib"/*.so.570.* "$lib"/libnvidia-egl-*.so.*.*.*; do
	[ -L "$file" ] && continue
	soname=$(readelf -dW "$file" 2>&1 | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
	[ -n "$soname" ] || fail "a SONAME in ${file##*/}"
	sonames+=("$soname")
	check "$soname exists" test -e "$lib/$soname"
	is "readelf has nothing to say about ${file##*/}" '' "$(readelf -aW "$file" 2>&1 >/dev/null)"
done
check 'there are more than thirty' test "${#sonames[@]}" -gt 30
check 'every SONAME can be loaded' env LD_LIBRARY_PATH="$lib" "$T/dlopen_all" "${sonames[@]}"

cache=$(ldconfig -r "$T/host" -p)
for soname in "${sonames[@]}"; do
	like "ld.so.cache has $soname" "$soname \(libc6,x86-64\)" "$cache"
done
like 'ld.so.cache has a 32-bit libcuda' 'libcuda.so.1 \(libc6\) => /(usr/)?lib/i386-linux-gnu/' "$cache"

for file in "$T/host"/usr/lib/i386-linux-gnu/*.so.570.*; do
	like "${file##*/} is of 32 bits" 'ELF32' "$(readelf -hW "$file")"
done

# A dependency is found by its SONAME, too.
like 'libGLX_nvidia needs what it needs' 'NEEDED.*libnvidia-glcore.so.570' "$(readelf -dW "$lib/libGLX_nvidia.so.0")"

# What cannot be simulated says so.
status=0
message=$("$T/host/usr/bin/nvidia-debugdump" 2>&1) || status=$?
is 'a program that is not simulated fails' 1 "$status"
like 'and says why' 'nvidia-debugdump: this driver is simulated' "$message"
like 'nvidia-modprobe is setuid' '^-rws' "$(ls -l "$T/host/usr/bin/nvidia-modprobe")"

smi=$(LD_LIBRARY_PATH=$lib "$T/host/usr/bin/nvidia-smi" -L)
like 'nvidia-smi sees the GPU' '^GPU 0: NVIDIA GeForce RTX 4090 \(UUID: GPU-' "$smi"
is 'with the UUID of /proc' "$(cat "$T"/host/proc/driver/nvidia/gpus/*/information | grep -o 'GPU-.*')" \
	"$(grep -o 'GPU-[0-9a-f-]*' <<<"$smi")"
