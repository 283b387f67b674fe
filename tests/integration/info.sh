#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `nvbind info`: what people read, what programs read, and what it says where there is nothing or nothing right.
. "$(dirname "$0")/lib.sh"
need_root
need jq

make_sim h200x8 "$T/h200"
export NVBIND_ROOT=$T/h200

check 'info' nvbind info
is 'the word GPU stands there once per device' 8 "$(nvbind info | grep -o GPU | wc -l)"
is 'the driver' 'open' "$(nvbind info --json | jq -r .driver.kind)"
is 'eight GPUs, numbered' '0 1 2 3 4 5 6 7' "$(nvbind info --json | jq -r '[.gpus[].index | tostring] | join(" ")')"
is 'in PCI order' "$(nvbind info --json | jq -r '.gpus[].pci_address' | sort)" \
	"$(nvbind info --json | jq -r '.gpus[].pci_address')"
is 'without NVML memory is unknown, not zero' 'null' "$(nvbind info --json | jq -c '[.gpus[].memory_bytes] | unique[]')"
check 'with NVML it is known' test "$(nvbind info --json --nvml | jq '.gpus[0].memory_bytes')" -gt 100000000000
is 'the list for other programs' \
	'["compute_capability","driver_version","id","memory_mb","name","uuid"]' \
	"$(nvbind info --gpus --format=json | jq -c '[.[] | keys] | unique[]')"
is 'its compute capability' '9.0' "$(nvbind info --gpus --format=json | jq -r '.[2].compute_capability')"
check 'the driver is fit' nvbind info --driver-check
is 'every file is there' '' "$(nvbind info --json | jq -r '.files[].path' | while read -r f; do
	[ -e "$NVBIND_ROOT$f" ] || echo "$f"; done)"
is 'no file is named by a link' '' "$(nvbind info --json | jq -r '.files[].path' | while read -r f; do
	[ ! -L "$NVBIND_ROOT$f" ] || echo "$f"; done)"

# The cache, for other roots where it is asked for.
mkdir "$T/cache"
printf '[cache]\ndirectory = "%s"\n' "$T/cache" >"$T/nvbind.toml"
is 'cold' false "$(nvbind info --json --config "$T/nvbind.toml" | jq .from_cache)"
is 'warm' true "$(nvbind info --json --config "$T/nvbind.toml" | jq .from_cache)"
is 'both say the same' '' "$(diff <(nvbind info --json | jq 'del(.from_cache)') \
	<(nvbind info --json --config "$T/nvbind.toml" | jq 'del(.from_cache)'))"
rm "$(nvbind info --json | jq -r --arg r "$NVBIND_ROOT" '[.files[] | select(.rule == "lib.nvidia-ml")][0] | $r + .path')"
is 'a file that vanished is not named from the cache' 0 \
	"$(nvbind info --json --config "$T/nvbind.toml" | jq '[.files[] | select(.rule == "lib.nvidia-ml")] | length')"
nvbind info --json --nvml 2>"$T/err" >"$T/out"
like 'NVML that is gone is a warning' 'libnvidia-ml.so.1 is not among the driver' "$(cat "$T/err")"
is 'on one line' 1 "$(wc -l <"$T/err")"

make_sim a100x8-mig "$T/mig"
export NVBIND_ROOT=$T/mig
is 'MIG UUIDs are unknown without NVML' '[null]' "$(nvbind info --json | jq -c '[.gpus[].mig_devices[].uuid] | unique')"
is 'and known with it' 0 \
	"$(nvbind info --json --nvml | jq '[.gpus[].mig_devices[] | select(.uuid | startswith("MIG-") | not)] | length')"
check 'profiles too' test "$(nvbind info --json --nvml | jq -r '.gpus[0].mig_devices[0].profile')" = 3g.40gb

make_sim nouveau "$T/nouveau"
make_sim mismatch "$T/mismatch"
make_sim no-gpu "$T/none"
make_sim wsl2 "$T/wsl2"
for machine in mig nouveau mismatch wsl2; do
	is "$machine: the word GPU once per device" "$(nvbind info --json --nvml --root "$T/$machine" 2>/dev/null | jq '.gpus | length')" \
		"$(nvbind info --root "$T/$machine" 2>/dev/null | grep -o GPU | wc -l)"
done
refuses 'nouveau is not fit' 1 'nouveau, which has no CUDA' nvbind info --driver-check --root "$T/nouveau"
refuses 'two versions are not fit' 1 'libraries are of version .* kernel module of' \
	nvbind info --driver-check --root "$T/mismatch"
refuses 'an empty --root' 2 'name of the directory is empty' nvbind info --root ''
refuses 'no driver is not fit' 1 'no NVIDIA driver is loaded' nvbind info --driver-check --root "$T/none"
is 'no GPU, no word of one' 0 "$(nvbind info --root "$T/none" | grep -c GPU || true)"
is 'an empty list' '[]' "$(nvbind info --gpus --format=json --root "$T/none" | jq -c .)"
check 'WSL2 is fit' nvbind info --driver-check --root "$T/wsl2"
is 'WSL2 is known by its device' 'dxg wsl2' "$(nvbind info --json --root "$T/wsl2" | jq -r '.driver.kind + " " + .platform')"
refuses 'a root that is not there' 1 'nowhere' nvbind info --root "$T/nowhere"

mkdir -p "$T/closed/proc"
chmod 0 "$T/closed/proc"
refuses 'a /proc that may not be read is said' 1 'looking into .*/closed/proc.*Permission denied' \
	setpriv --bounding-set -dac_override,-dac_read_search nvbind info --root "$T/closed"

# Where openat2 is refused, a host full of GPUs must not look empty.
if command -v strace >/dev/null; then
	is 'without openat2 the same is found' "$(nvbind info --root "$T/mig")" \
		"$(ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
			strace -f -o /dev/null -e inject=openat2:error=ENOSYS nvbind info --root "$T/mig")"
fi
