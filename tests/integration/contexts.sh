#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CUDA contexts prepared ahead, through libnvbind.so, on the simulated driver.
. "$(dirname "$0")/lib.sh"
need_root
contexts=$NVB_BUILD/tests/integration/contexts
[ -x "$contexts" ] || skip "the test program was not built"

make_sim h200x8 "$T/host"
cuda=$T/host/usr/lib/x86_64-linux-gnu/libcuda.so.1
smi() { LD_LIBRARY_PATH=${cuda%/*} "$T/host/usr/bin/nvidia-smi" "$@"; }
field() { smi -i "$1" --query-gpu="$2" --format=csv,noheader; }
uuid=$(field 3 uuid)
# nvidia-smi says 00000000:3B:00.0, everybody else 0000:3b:00.0.
pci=$(field 3 pci.bus_id | tr 'A-F' 'a-f' | sed 's/^0000//')

check 'every kind is prepared, bound, switched and released' "$contexts" "$cuda" use "$uuid" "$pci"
check 'eight threads bind eight contexts' "$contexts" "$cuda" threads
check 'a child of fork is told that CUDA is its parent'"'"'s' "$contexts" "$cuda" fork
is 'a device by its PCI address' "$uuid" "$("$contexts" "$cuda" device "$pci")"
is 'a device of those that CUDA_VISIBLE_DEVICES leaves' "$uuid" "$(CUDA_VISIBLE_DEVICES=5,3 "$contexts" "$cuda" device "$uuid")"

# refused WHAT REGEX COMMAND...: the library says no, in one line.
refused() { refuses "$1" 3 "$2" "${@:3}"; }
refused 'one that CUDA_VISIBLE_DEVICES hides' '^not-found: .*none of the 1 devices' \
	env CUDA_VISIBLE_DEVICES=5 "$contexts" "$cuda" device "$uuid"

# H200: 132 multiprocessors, in groups of eight.
is 'green: half of them' 72 "$("$contexts" "$cuda" green 0 0)"
is 'green: as many as asked' 64 "$("$contexts" "$cuda" green 64 1)"
is 'green: rounded up to what the hardware divides' 24 "$("$contexts" "$cuda" green 20 4)"
refused 'green: a group that is not there' '^not-found: group 2: 132 multiprocessors make 2 groups' \
	"$contexts" "$cuda" green 64 2
refused 'green: more than there are' '^not-found: 200 multiprocessors: the device has 132' "$contexts" "$cuda" green 200 0

refused 'no library' '^not-found: loading the CUDA driver: .*no-such-file' "$contexts" "$T/no-such-file.so" open
libc=$(ldd /bin/true | awk '/libc\.so/ {print $3}')
refused 'an empty path' '^invalid: nvb_contexts_options.library: an empty path' "$contexts" '' open
refused 'a library that is no driver' '^unsupported: .*has no cuInit' "$contexts" "$libc" open

refused 'no GPU that may be opened' '^not-found: initialising CUDA: CUDA_ERROR_NO_DEVICE' \
	env CUDA_VISIBLE_DEVICES= "$contexts" "$cuda" open
make_sim mismatch "$T/mismatch"
refused 'libraries and module of two versions' '^stale: initialising CUDA: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH' \
	"$contexts" "$T/mismatch/usr/lib64/libcuda.so.1" open

# A compute mode that lets nobody in.
"$contexts" "$cuda" prohibit "${cuda%/*}/libnvidia-ml.so.1"
refused 'a GPU that computes for nobody' '^busy: the primary context: CUDA_ERROR_DEVICE_UNAVAILABLE' \
	"$contexts" "$cuda" device "$(field 0 uuid)"

# The benchmark says what it measured, what not, and that the driver is simulated.
bench=$("$NVB_BUILD/bench/bench-context" --library "$cuda" --device "$uuid" --rounds 20)
like 'binding is measured beside the driver'"'"'s call' $'^bind\t[0-9.]+\t' "$bench"
like 'and what is ours' $'^ours\t-?[0-9.]+\t-' "$bench"
like 'a launch apart from it' $'^launch\t[0-9.]+\t' "$bench"
like 'time slices are not made up' $'^time slice\t-\t-\tnot measured: it takes a GPU' "$bench"
like 'the driver is called simulated' $'^driver kind\tsimulated' "$bench"
