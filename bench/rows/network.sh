# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bolt surge run of /bin/true with a network of its own, over the bare runtime that makes a network namespace: none, a
# bridge, a bridge with a published port. In network and mount namespaces of the row's own; no GPU.
network_row() {
	local dir=$T/network runtime=crun
	command -v crun >/dev/null || runtime=runc
	if ! command -v "$runtime" >/dev/null || ! command -v busybox >/dev/null || ! command -v ip >/dev/null ||
		! command -v jq >/dev/null; then
		absent 'bolt surge run --network bridge' 'needs crun or runc, busybox, ip and jq'
		return 0
	fi
	mkdir -p "$dir/rootfs"/{bin,dev,etc,proc,sys,tmp}
	cp "$(command -v busybox)" "$dir/rootfs/bin/true"
	(cd "$dir" && "$runtime" spec)
	jq '.process.terminal = false | .process.args = ["/bin/true"] | .root.readonly = false
		| .linux.cgroupsPath = "/bolt-bench-network"' "$dir/config.json" >"$dir/config.new"
	mv "$dir/config.new" "$dir/config.json"
	if ! unshare -n -m --propagation private bash -c 'set -euo pipefail
		umount /sys/fs/cgroup/unified 2>/dev/null || true
		mkdir -p /run/bolt /var/lib/bolt
		mount -t tmpfs none /run/bolt
		mount -t tmpfs none /var/lib/bolt
		ip link set lo up
		dir=$1 runtime=$2 rounds=$3 bolt=$4
		timed() {
			local file=$1 start end
			shift
			start=${EPOCHREALTIME/./}
			"$@" </dev/null
			end=${EPOCHREALTIME/./}
			echo $((end - start)) >>"$file"
		}
		for ((i = -2; i < rounds; i++)); do
			out=$dir/figures
			[ "$i" -ge 0 ] || out=$dir/warm
			mkdir -p "$out"
			timed "$out/bare" "$runtime" --root "$dir/state" run --bundle "$dir" bolt-bench-network
			timed "$out/none" "$bolt" surge run --rm --runtime "$runtime" --network none "$dir/rootfs" /bin/true
			timed "$out/bridge" "$bolt" surge run --rm --runtime "$runtime" --network bridge "$dir/rootfs" /bin/true
			timed "$out/port" "$bolt" surge run --rm --runtime "$runtime" -p 8080:80 "$dir/rootfs" /bin/true
			while [ -n "$(ls -A /var/lib/bolt/trash)" ]; do sleep 0.002; done
		done' bash "$dir" "$runtime" "$rounds" "$NVB_BUILD/bin/bolt" >"$T/said" 2>&1; then
		absent 'bolt surge run --network bridge' "it failed: $(tail -n 1 "$T/said")"
		return 0
	fi
	local kind bare value
	bare=$(network_median "$dir/figures/bare")
	for kind in none bridge port; do
		value=$(network_median "$dir/figures/$kind")
		result "bolt surge run, ${kind/port/bridge and port}: over bare $runtime" \
			"$(minus "$value" "$bare")" ms - "bare $bare ms, bolt $value ms"
	done
}
network_median() { sort -n "$1" | awk '{v[NR] = $1} END {printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000}'; }
if [ "$(id -u)" = 0 ]; then
	network_row
else
	absent 'bolt surge run --network bridge' 'needs root'
fi
