# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind cdi generate, the whole process: 8 GPUs with a warm inventory cache and without one. NVB_BENCH_NVIDIA_CTK names
# an nvidia-ctk to run in turn with it; it needs NVML, which the simulator has, and is kept from libnvidia-sandboxutils,
# which the simulator has only by name.
sim h200x8
warm_config
: >"$T/cold.toml"
mkdir -p "$T/specs" "$T/no-cache"
generate=(cdi generate --root "$sim" --device-name-strategy index)
# Two vendors in one file: each replaces what the other wrote, and waits for the disk.
commands=(warm nvbind --config "$T/warm.toml" "${generate[@]}"
	-- same nvbind --config "$T/warm.toml" "${generate[@]}" --output "$T/specs/same.yaml"
	-- replaced nvbind --config "$T/warm.toml" "${generate[@]}" --vendor a.org --output "$T/specs/new.yaml"
	-- again nvbind --config "$T/warm.toml" "${generate[@]}" --vendor b.org --output "$T/specs/new.yaml"
	-- cold env -u XDG_CACHE_HOME HOME="$T/no-cache" "$NVB_BUILD/bin/nvbind" --config "$T/cold.toml" "${generate[@]}"
	-- version nvbind --version)
[ -z "${NVB_BENCH_NVIDIA_CTK:-}" ] ||
	commands+=(-- peer "$NVB_BENCH_NVIDIA_CTK" --quiet cdi generate --feature-flag disable-nvsandboxutils
		--driver-root "$sim" --dev-root "$sim" --output
		"$T/specs/peer/peer.yaml")
if interleave "${commands[@]}"; then
	peer='nvidia-ctk: NVB_BENCH_NVIDIA_CTK names none'
	[ -z "${median[peer]:-}" ] || peer="nvidia-ctk ${median[peer]} ms, $(over "${median[peer]}" "${median[warm]}") times ours"
	result 'nvbind cdi generate, 8 GPUs, whole process, warm cache' "${median[warm]}" ms 2.5 "$peer"
	result 'nvbind cdi generate, 8 GPUs, into a file that says the same' "${median[same]}" ms 2.5
	result 'nvbind cdi generate, 8 GPUs, replacing a file' "${median[replaced]}" ms - 'its flush to disk included'
	result 'nvbind cdi generate, 8 GPUs, whole process, no cache' "${median[cold]}" ms - \
		"nvbind --version ${median[version]} ms"
else
	absent 'nvbind cdi generate, 8 GPUs' 'it failed'
fi
