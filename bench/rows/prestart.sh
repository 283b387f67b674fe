# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind-hook as the prestart hook of docker's --gpus: the whole process, which brings mounts, nodes and device rules of
# all 8 GPUs into a container that runc creates, inventory warm. hook-timer stands in its place and runs it; a program
# that only ends, run so, is what an exec costs there. It is held against the 3 ms of
# the hook, though it plans as well, which the shim has 1.5 ms for.
prestart_row() {
	local dir=$T/prestart kind round log=$T/prestart.us
	mkdir -p "$dir/gpus" "$dir/none" "$dir/bin"
	ln -s "$NVB_BUILD/bin/nvbind-hook" "$dir/bin/nvidia-container-runtime-hook"
	printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n' "$sim" "$T/cache" >"$dir/config.toml"
	"$top/scripts/make-base-root" "$dir/rootfs"
	for kind in gpus none; do
		cp -al "$dir/rootfs" "$dir/$kind/rootfs"
		(cd "$dir/$kind" && runc spec && jq --arg timer "$NVB_BUILD/bench/hook-timer" --arg log "$log.$kind" \
			--arg static "$NVB_BUILD/bin/nvbind-hook" --arg hook "$dir/bin/nvidia-container-runtime-hook" --arg config "$dir/config.toml" --arg kind "$kind" '
			.process.terminal = false | .root.readonly = false | .process.args = ["/bin/true"]
			| .process.env += ["NVIDIA_VISIBLE_DEVICES=all"]
			| .hooks.prestart = [{path: $timer, args: (["hook-timer", $log] + if $kind == "gpus"
				then [$hook, "--config", $config, "prestart"] else [$static, "--version"] end)}]' config.json >new &&
			mv new config.json)
	done
	for ((round = -1; round < rounds; round++)); do
		for kind in gpus none; do
			runc --root "$dir/state" create --bundle "$dir/$kind" bench </dev/null >/dev/null 2>"$T/said" || return
			runc --root "$dir/state" delete --force bench >/dev/null 2>&1
		done
		# What the first one does is fill the cache.
		((round >= 0)) || rm "$log.gpus" "$log.none"
	done
	for kind in gpus none; do
		median[$kind]=$(sort -n "$log.$kind" | awk '{v[NR] = $1} END {printf "%.2f", v[int((NR + 1) / 2)] / 1000}')
	done
	result 'nvbind-hook prestart, 8 GPUs into a container of runc' "${median[gpus]}" ms 3 \
		"its --version there ${median[none]} ms"
}
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
	absent 'nvbind-hook prestart' 'needs root and runc'
else
	sim h200x8
	warm_config
	prestart_row || absent 'nvbind-hook prestart' "it failed: $(tail -n 1 "$T/said")"
fi
