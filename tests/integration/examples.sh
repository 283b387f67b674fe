#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example programs, compiled as users would compile them, and run: in C, and in Rust where there is a rustc.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt nvbind busybox jq runc cc

! is_sanitized || skip "a library built with a sanitizer is none for programs without"
examples=$NVB_SOURCE/examples
[ -e "$NVB_BUILD/src/libnvbind.so.0" ] || skip "libnvbind.so was not built"
export LD_LIBRARY_PATH=$NVB_BUILD/src
make_glibc_root "$T/root"
make_sim h200x8 "$T/host"
make_sim no-gpu "$T/none"
profiles=$NVB_SOURCE/profiles

compile() {
	cc -std=c11 -Wall -Wextra -Werror -I "$NVB_SOURCE/include" "$examples/c/$1.c" -L "$NVB_BUILD/src" -lnvbind -o "$T/$1"
}
for name in gpus gaming_cdi engine run start contexts low_latency watch; do
	check "$name.c compiles without a warning" compile "$name"
done

# --- C ---------------------------------------------------------------------------------------------------------------

said=$("$T/gpus" "$T/host")
is 'gpus: eight of them' 8 "$(grep -c '^GPU [0-7]: NVIDIA H200, GPU-' <<<"$said")"
like 'gpus: compatible' '^bolt can give 8 GPUs, driver [0-9.]+$' "$said"
like 'gpus: what works' '^compute +yes$' "$said"
like 'gpus: what does not, with the reason' '^mig +no GPU is divided into MIG devices$' "$said"
like 'gpus: none' '^bolt can give none: no NVIDIA driver is loaded$' "$("$T/gpus" "$T/none")"
like 'gpus: a root that is not there' '^gpus: .*no-such-root' "$("$T/gpus" "$T/no-such-root" 2>&1)"

is 'gaming_cdi: a spec of its own kind' "$T/cdi/nvidia.com-gpu-bolt.yaml: nvidia.com/gpu-bolt" \
	"$("$T/gaming_cdi" "$T/cdi" "$T/host" "$profiles" 2>"$T/told")"
check 'gaming_cdi: and a good one' nvbind cdi validate "$T/cdi/nvidia.com-gpu-bolt.yaml"
like 'gaming_cdi: what has no effect is said' '^warning: vrs_enabled: ' "$(cat "$T/told")"

mkdir "$T/bundle"
(cd "$T/bundle" && runc spec)
"$T/engine" 2 "$T/host" "$profiles" <"$T/bundle/config.json" >"$T/edited.json"
check 'engine: what comes out is JSON' jq -e . "$T/edited.json"
is 'engine: one GPU' 1 "$(jq '[.linux.devices[].path | select(test("/dev/nvidia[0-9]+$"))] | length' "$T/edited.json")"
like 'engine: and the profile' '"PROTON_ENABLE_NVAPI=1"' "$(jq .process.env "$T/edited.json")"
like 'engine: a GPU that is not there' '^engine: .*99' "$("$T/engine" 99 "$T/host" "$profiles" <"$T/bundle/config.json" 2>&1)"

like 'contexts: a half of the multiprocessors each' '^GPU-.*: 72 multiprocessors$' \
	"$("$T/contexts" "$T/host/usr/lib/x86_64-linux-gnu/libcuda.so.1")"

nvbind-sim set "$T/host" vary=off gpu3.utilization=47
like 'watch: what a GPU does' '^GPU 3: fine, 47% util, 0MiB used, [0-9]+C$' "$("$T/watch" 2 "$T/host")"
is 'watch: a sample each' 16 "$("$T/watch" 2 "$T/host" | grep -c '^GPU')"
like 'watch: no GPU' 'no NVIDIA GPU|not among' "$("$T/watch" 1 "$T/none")"

# Low latency: what was done holds as long as the handle, and is put back, also for one that is killed.
make_sim rtx4090x1 "$T/desk"
card=$(basename "$(printf '%s\n' "$T"/desk/proc/driver/nvidia/gpus/*)")
nvml=$(find "$T/desk" -name libnvidia-ml.so.1 ! -path '*32*' ! -path '*i386*' | head -n 1)
power() {
	LD_LIBRARY_PATH=${nvml%/*} "$T/desk/usr/bin/nvidia-smi" -i "$card" --query-gpu=power.limit --format=csv,noheader
}
is 'low_latency: the power limit before it' '450.00 W' "$(power)"
mkfifo "$T/hold"
holds() { # SIGNAL: lets it hold, looks, ends it by closing its input or by a signal
	local pid i
	"$T/low_latency" "$T/desk" <"$T/hold" >"$T/steps" 2>&1 &
	pid=$!
	exec 8>"$T/hold"
	for ((i = 0; i < 500; i++)); do
		! grep -q ' input' "$T/steps" || break
		sleep 0.02
	done
	during=$(power)
	leases=$(NVBIND_ROOT=$T/desk nvbind info --leases 2>/dev/null | grep -c low-latency || true)
	[ -z "$1" ] || kill "-$1" "$pid"
	exec 8>&-
	wait "$pid" || true
}
holds ''
is 'low_latency: while it holds' '600.00 W' "$during"
like 'low_latency: said so' "^done +knob: power-limit of $card is 600 W$" "$(cat "$T/steps")"
like 'low_latency: timers' '^done +timers: at most [01] ns late' "$(cat "$T/steps")"
like 'low_latency: what cannot be has its reason' '^refused +cpu-wakeup: /dev/cpu_dma_latency: ' "$(cat "$T/steps")"
is 'low_latency: under a lease' 1 "$([ "$leases" -gt 0 ] && echo 1)"
is 'low_latency: put back' '450.00 W' "$(power)"
holds KILL
is 'low_latency: killed, the limit stands' '600.00 W' "$(power)"
check 'low_latency: the next command puts it back' nvbind knob restore --root "$T/desk"
is 'low_latency: put back after the crash' '450.00 W' "$(power)"

# What the manager starts is the program bolt.
export NVBIND_EXAMPLE_BOLT=$NVB_BUILD/bin/bolt NVBIND_EXAMPLE_ROOT=$T/host NVBIND_EXAMPLE_PROFILES=$profiles
run_c() { "$T/run" "$T/root" sh -c 'ls /dev | grep -c "^nvidia[0-9]"; exit 7'; }
outside() {
	local before after out status=0
	before=$(readlink /proc/self/ns/mnt)
	out=$(run_c) || status=$?
	after=$(readlink /proc/self/ns/mnt)
	is 'run: eight GPUs inside' 8 "$out"
	is 'run: the status of the program' 7 "$status"
	is 'run: the caller is where it was' "$before" "$after"
	like 'run: what cannot be run' 'run: bolt could not run .*no-such-image' \
		"$("$T/run" "$T/no-such-image" true 2>&1)"
	is 'run: nothing is left' '' "$(leftovers)"
}
own_state outside

# A container that goes on: its first process is the number that was handed out.
started() {
	local pid
	pid=$("$T/start" gaming-workstation "$T/root" sleep 600 2>"$T/start-err") || true
	is 'start: nothing is said but the number' '' "$(cat "$T/start-err")"
	like 'start: the process is the program' '^sleep.600' "$(tr '\0' ' ' <"/proc/$pid/cmdline")"
	is 'start: it is the one that bolt knows' "$pid" "$(bolt capsule inspect gaming-workstation | jq '.[0].pid')"
	is 'start: where it came from is kept' '"org.opencontainers.image.ref.name=steam:latest"' \
		"$(bolt capsule inspect gaming-workstation | jq -c '.[0].definition.annotations[]')"
	like 'start: a GPU that is taken' '^start: bolt: .*exclusive' "$("$T/start" other "$T/root" true 2>&1)"
	like 'start: a name that is taken' '^start: bolt: .*gaming-workstation' "$("$T/start" gaming-workstation "$T/root" true 2>&1)"
	check 'start: bolt stops it' bolt capsule stop --time 1 gaming-workstation
	is 'start: nothing is left' '' "$(leftovers)"
}
own_state started

# --- Rust ------------------------------------------------------------------------------------------------------------

if command -v rustc >/dev/null; then
	check 'bolt.rs compiles without a warning' rustc --edition 2021 -D warnings "$examples/rust/bolt.rs" \
		-L native="$NVB_BUILD/src" -o "$T/bolt-rs"
	in_rust() {
		local out status=0
		out=$("$T/bolt-rs" "$T/cdi-rs" "$T/root" sh -c 'ls /dev | grep -c "^nvidia[0-9]"; exit 5' 2>"$T/rust-err") || status=$?
		is 'rust: the status of the program in the capsule' "5 " "$status $(cat "$T/rust-err")"
		is 'rust: eight GPUs' 8 "$(grep -c '^GPU [0-7]: NVIDIA H200, GPU-' <<<"$out")"
		like 'rust: compatible' '^compatible: true, [0-9.]+$' "$out"
		like 'rust: the trait was driven in order' '^told: isolation exclusive; gaming ultra-low-latency; GPUs all$' "$out"
		like 'rust: the trait made a plan' '^a plan of [0-9]{4,} bytes$' "$out"
		like 'rust: what the engine refuses comes back' '^refused: this engine takes no snapshots$' "$out"
		like 'rust: the spec reaches the engine' '^gaming-workstation gets nvidia.com/gpu-bolt=all$' "$out"
		is 'rust: the container has eight' 8 "$(tail -n 1 <<<"$out")"
	}
	own_state in_rust
	check 'rust: the spec is good' nvbind cdi validate "$T/cdi-rs/nvidia.com-gpu-bolt.yaml"
	like 'rust: a failure is one line' '^bolt-rs: .*no-such-root' \
		"$(NVBIND_EXAMPLE_ROOT=$T/no-such-root "$T/bolt-rs" "$T/x" 2>&1)"
else
	echo '# left out: there is no rustc'
fi
