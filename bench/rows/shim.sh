# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind-runtime in front of a runtime that does nothing, beside that runtime alone: what a container pays for the shim,
# without GPUs and with 8, and the other commands of a runtime. The config.json is an engine's, 8 KB. The shim reads
# /etc/nvbind/config.toml alone, so it is measured in a mount namespace that has one. NVB_BENCH_NVIDIA_RUNTIME names an
# nvidia-container-runtime to run in turn with it; it reads its configuration where XDG_CONFIG_HOME says.
shim_row() {
	local dir stub=$NVB_BUILD/bench/runtime-stub words commands peer='nvidia-container-runtime: NVB_BENCH_NVIDIA_RUNTIME names none'
	# shellcheck disable=SC2016 # for the shell that is measured in
	local within=(unshare -m --propagation private sh -c
		'mount -t overlay overlay -o "lowerdir=$0:/etc" /etc && exec "$@"' "$T/etc")
	mkdir -p "$T/etc/nvbind" "$T/cache" "$T/xdg/nvidia-container-runtime"
	printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n[runtime]\nruntimes = ["%s"]\n' "$sim" "$T/cache" "$stub" \
		>"$T/etc/nvbind/config.toml"
	printf '[nvidia-container-cli]\nroot = "%s"\n[nvidia-container-runtime]\nruntimes = ["%s"]\nmode = "jit-cdi"\n' \
		"$sim" "$stub" >"$T/xdg/nvidia-container-runtime/config.toml"
	# Engines keep bundles below /run.
	mkdir "$T/shim"
	mount -t tmpfs tmpfs "$T/shim" || return
	for dir in bare none gpus peer; do
		mkdir -p "$T/shim/$dir"
		# Not by jq, which rounds the numbers of a seccomp profile.
		words='s/"NVIDIA_VISIBLE_DEVICES=all",//;s/"CUDA_VERSION=[0-9.]*",//'
		[ "$dir" = none ] || words=
		sed "$words" "$top/bench/config.json" | tee "$T/shim/$dir/original.json" >"$T/shim/$dir/config.json"
	done
	commands=(bare "$stub" create --bundle "$T/shim/bare" id
		-- none nvbind-runtime create --bundle "$T/shim/none" id
		-- gpus nvbind-runtime create --bundle "$T/shim/gpus" id
		-- state nvbind-runtime state --bundle "$T/shim/bare" id
		-- exec nvbind-runtime --nvbind-version)
	[ -z "${NVB_BENCH_NVIDIA_RUNTIME:-}" ] ||
		commands+=(-- peer env "XDG_CONFIG_HOME=$T/xdg" "$NVB_BENCH_NVIDIA_RUNTIME" create --bundle "$T/shim/peer" id)
	interleave "${commands[@]}" || return
	[ -z "${median[peer]:-}" ] || peer="nvidia-container-runtime $(minus "${median[peer]}" "${median[bare]}") ms"
	# A static program's start is part of both promises; --nvbind-version is nothing else.
	result 'nvbind-runtime create, 8 GPUs: over the runtime' "$(minus "${median[gpus]}" "${median[bare]}")" ms 1.5 "$peer"
	result 'nvbind-runtime create, no GPU asked: over the runtime' "$(minus "${median[none]}" "${median[bare]}")" ms \
		"$(awk -v e="${median[exec]}" 'BEGIN {printf "%.2f", e + 0.2}')" "an exec ${median[exec]} ms"
	result 'nvbind-runtime state: over the runtime' "$(minus "${median[state]}" "${median[bare]}")" ms - "the runtime ${median[bare]} ms"
}
sim h200x8
if [ "$(id -u)" != 0 ]; then
	absent 'nvbind-runtime create' 'needs root'
else
	shim_row || absent 'nvbind-runtime create' "it failed: $(tail -n 1 "$T/said" 2>/dev/null)"
fi
