# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A container of /bin/true with 8 GPUs, beside the same without, for each runtime that works here. What the runtime does
# for each mount and node is in it: that is what a user waits for. cgroup v1 alone where the host is hybrid, as crun
# wants it.
create_row() { # RUNTIME
	local dir=$T/create.$1
	# shellcheck disable=SC2016 # for the shell that is measured
	local script='exec "$0" --root "$1/state" run --bundle "$1/$2" "nvb-bench-$$"'
	local within=(unshare -m --propagation private sh -c
		'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh)
	mkdir -p "$dir"/{bare,gpus,tree}/rootfs/bin
	cp "$(command -v busybox)" "$dir/bare/rootfs/bin/busybox"
	ln -s busybox "$dir/bare/rootfs/bin/true"
	cp -a "$dir/bare/rootfs/." "$dir/gpus/rootfs/"
	cp -a "$dir/bare/rootfs/." "$dir/tree/rootfs/"
	(cd "$dir/bare" && runc spec &&
		jq '.process.terminal = false | .process.args = ["/bin/true"] | .root.readonly = false' config.json >new &&
		mv new config.json)
	nvbind inject --root "$sim" --gpu all --file "$dir/bare/config.json" --output "$dir/gpus/config.json"
	nvbind inject --root "$sim" --gpu all --layout tree --tree-dir "$T/trees" --file "$dir/bare/config.json" \
		--output "$dir/tree/config.json"
	if interleave bare sh -c "$script" "$1" "$dir" bare -- gpus sh -c "$script" "$1" "$dir" gpus \
		-- tree sh -c "$script" "$1" "$dir" tree; then
		result "$1 run, 8 GPUs file by file: over the bare runtime" "$(minus "${median[gpus]}" "${median[bare]}")" ms \
			23.5 "bare $1 ${median[bare]} ms, with GPUs ${median[gpus]} ms"
		result "$1 run, 8 GPUs as a tree: over the bare runtime" "$(minus "${median[tree]}" "${median[bare]}")" ms \
			6 "bare $1 ${median[bare]} ms, with GPUs ${median[tree]} ms"
	else
		absent "$1 run, 8 GPUs" "$1 does not run a container here: $(tail -n 1 "$T/said")"
	fi
}
if [ "$(id -u)" != 0 ] || ! command -v runc >/dev/null; then
	absent 'create with 8 GPUs' 'needs root and runc'
else
	sim h200x8
	for runtime in runc crun; do create_row "$runtime"; done
fi
