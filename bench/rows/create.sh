# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `create` of a container with 8 GPUs, as an engine calls it: by the bare runtime without GPUs, by nvbind-runtime file by
# file and as a tree, and by NVIDIA's nvidia-container-runtime, where NVB_BENCH_NVIDIA_RUNTIME names one (and
# NVB_BENCH_NVIDIA_CTK the nvidia-ctk that lies beside its nvidia-cdi-hook). What the runtime does for each mount and node
# is in it, and the hooks: that is what a user waits for. The container before is gone for 50 ms by then: what the kernel
# still does for it falls on the next one, for a container of 46 mounts more than for a bare one; so who is next is drawn anew
# for each round.
create_row() { # RUNTIME
	local runtime=$1 dir=$T/create.$1 kind commands quarter=23.5 beside='NVB_BENCH_NVIDIA_RUNTIME names none'
	mkdir -p "$dir"/{bare,files,tree,peer} "$dir/xdg/nvidia-container-runtime"
	"$top/scripts/make-base-root" "$dir/rootfs"
	for kind in bare files tree peer; do
		cp -al "$dir/rootfs" "$dir/$kind/rootfs"
		# One who reads "all" out of bare's would give it GPUs.
		(cd "$dir/$kind" && runc spec && jq --arg kind "$kind" '.process.terminal = false | .root.readonly = false
			| .process.args = ["/bin/true"] | .process.env += if $kind == "bare" then [] else
				["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"] end' \
			config.json >asked)
		shim_config "$runtime" "$([ $kind = tree ] && echo tree || echo files)" >"$dir/$kind/config.toml"
	done
	cat >"$dir/xdg/nvidia-container-runtime/config.toml" <<-END
		[nvidia-container-cli]
		root = "$sim"
		[nvidia-container-runtime]
		mode = "jit-cdi"
		runtimes = ["$runtime"]
	END
	cat >"$dir/before" <<-END
		#!/bin/sh
		"$runtime" --root "$dir/state" delete --force bench >/dev/null 2>&1
		sleep 0.05
		cp "$dir/\$1/asked" "$dir/\$1/config.json"
		cp "$dir/\$1/config.toml" /etc/nvbind/config.toml
	END
	chmod 755 "$dir/before"
	local arguments=(--root "$dir/state" create --bundle)
	commands=(bare "$runtime" "${arguments[@]}" "$dir/bare" bench
		-- files nvbind-runtime "${arguments[@]}" "$dir/files" bench
		-- tree nvbind-runtime "${arguments[@]}" "$dir/tree" bench)
	[ -z "${NVB_BENCH_NVIDIA_RUNTIME:-}" ] ||
		commands+=(-- peer env XDG_CONFIG_HOME="$dir/xdg" PATH="${NVB_BENCH_NVIDIA_RUNTIME%/*}:$PATH"
			"$NVB_BENCH_NVIDIA_RUNTIME" "${arguments[@]}" "$dir/peer" bench)
	if interleave --shuffle --before "$dir/before" "${commands[@]}"; then
		if [ -n "${median[peer]:-}" ]; then
			quarter=$(awk -v p="${median[peer]}" -v b="${median[bare]}" 'BEGIN {printf "%.1f", (p - b) / 4}')
			beside="nvidia-container-runtime +$(minus "${median[peer]}" "${median[bare]}") ms, ours at most a quarter"
		fi
		result "$runtime create, 8 GPUs file by file: over the bare runtime" "$(minus "${median[files]}" "${median[bare]}")" ms \
			"$quarter" "bare $runtime ${median[bare]} ms; $beside"
		result "$runtime create, 8 GPUs as a tree: over the bare runtime" "$(minus "${median[tree]}" "${median[bare]}")" ms \
			6 "bare $runtime ${median[bare]} ms"
	else
		absent "$runtime create, 8 GPUs" "$runtime makes no container here: $(tail -n 1 "$T/said")"
	fi
	"${within[@]}" "$dir/before" bare || true
}
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
	absent 'create with 8 GPUs' 'needs root and runc'
else
	sim h200x8
	warm_config
	shim_world
	for runtime in runc crun; do
		if command -v "$runtime" >/dev/null; then create_row "$runtime"; else absent "$runtime create" "no $runtime"; fi
	done
	within=()
fi
