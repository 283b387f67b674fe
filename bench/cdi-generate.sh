#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How long `nvbind cdi generate` takes, the whole process: 8 GPUs, with a warm inventory cache and without one, and how
# it grows to 64 GPUs with 7 MIG instances each. On simulated machines: no GPU is involved, and the figures stand for
# none. NVB_BENCH_NVIDIA_CTK names an nvidia-ctk to run in turn with it; it needs NVML, which the simulator has.
#
#	bench/cdi-generate.sh [ROUNDS]

set -euo pipefail

rounds=${1:-200}
build=${NVB_BUILD:-$(cd "$(dirname "$0")/.." && pwd)/build}
nvbind=$build/bin/nvbind
interleave=$build/bench/interleave
T=$(mktemp -d "${TMPDIR:-/tmp}/nvb-bench.XXXXXXXX")

finish() {
	for scenario in h200x8 big; do
		[ ! -d "$T/$scenario" ] || "$build/bin/nvbind-sim" destroy "$T/$scenario"
	done
	rm -rf --one-file-system "$T"
}
trap finish EXIT

for program in "$nvbind" "$interleave" "$build/bin/nvbind-sim"; do
	[ -x "$program" ] || {
		echo "$program was not built" >&2
		exit 1
	}
done
mkdir -p "$T/cache" "$T/specs" "$T/no-cache"
printf '[cache]\ndirectory = "%s"\n' "$T/cache" >"$T/warm.toml"
: >"$T/cold.toml"
for scenario in h200x8 big; do
	"$build/bin/nvbind-sim" create --scenario "$scenario" "$T/$scenario" >/dev/null 2>&1
done

generate() { # SCENARIO CONFIG: the words of the command
	echo "$nvbind" cdi generate --config "$T/$2.toml" --root "$T/$1" --device-name-strategy index \
		--output "$T/specs/$1-$2/"
}

peer=()
if [ -n "${NVB_BENCH_NVIDIA_CTK:-}" ]; then
	peer=(-- 'nvidia-ctk cdi generate' "$NVB_BENCH_NVIDIA_CTK" --quiet cdi generate --driver-root "$T/h200x8" --dev-root
		"$T/h200x8" --output "$T/specs/peer/peer.yaml")
fi

# shellcheck disable=SC2046 # words, and $T has no blanks
{
	printf 'what (%s rounds, simulated machines)\tmedian ms\tp10\tp90\n' "$rounds"
	"$interleave" "$rounds" 'bare exec of a static program' "$build/bin/nvbind-hook" --version \
		-- 'nvbind --version' "$nvbind" --version \
		-- '8 GPUs, warm cache' $(generate h200x8 warm) \
		-- '8 GPUs, no cache' env -u XDG_CACHE_HOME HOME="$T/no-cache" $(generate h200x8 cold) \
		-- '448 MIG devices, warm cache' $(generate big warm) \
		"${peer[@]}"
} | column -t -s "$(printf '\t')"

sizes=$(stat -c '%s' "$T/specs/h200x8-warm/nvidia.com-gpu.yaml" "$T/specs/big-warm/nvidia.com-gpu.yaml" | tr '\n' ' ')
echo "bytes of the specs (8 GPUs, 448 MIG devices): $sizes"
