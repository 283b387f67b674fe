#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `bolt surge run --rm --gpu all --network host` of /bin/true costs over the bare OCI runtime running an equal
# bundle: the config.json is the one bolt itself wrote, its root a plain directory with the same files. crun is given
# its compiled system call filter by bolt, which nobody else does: "bare" is without it, "filter" is bare with it. Runs
# take turns; medians of whole processes in milliseconds. Needs root, and nvbind-sim where there is no NVIDIA driver.
#
#	bench/surge-run.sh [RUNS] [RUNTIME...]		default: 40 runs each with crun and runc
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
bin=${NVB_BUILD:-$source/build}/bin
runs=${1:-40}
shift || true
runtimes=("$@")
[ ${#runtimes[@]} -gt 0 ] || runtimes=(crun runc)
[ "$(id -u)" = 0 ] || {
	echo "${0##*/}: needs root" >&2
	exit 77
}

dir=$(mktemp -d)
machine=
finish() {
	[ -z "$machine" ] || "$bin/nvbind-sim" destroy "$machine"
	rm -rf --one-file-system "$dir"
}
trap finish EXIT

if [ ! -e /proc/driver/nvidia/version ] && [ -z "${NVBIND_ROOT:-}" ]; then
	machine=$dir/machine
	"$bin/nvbind-sim" create --scenario h200x8 "$machine" 2>/dev/null
	export NVBIND_ROOT=$machine
	echo "driver: simulated, 8 H200"
fi
# The inventory comes from the cache, as it does on a host after the first start; for roots other than the host's it
# has to be given a place.
printf '[cache]\ndirectory = "%s"\n' "$dir/cache" >"$dir/config.toml"
mkdir "$dir/cache"
"$source/scripts/make-base-root" "$dir/base"

# bundle_of RUNTIME: an equal bundle in $dir/RUNTIME, from a capsule that waits meanwhile.
bundle_of() {
	local bundle=$dir/$1 pid workspace
	# The first start compiles the filter that the second one's config.json has.
	"$bin/bolt" surge run --rm --gpu all --runtime "$1" "$dir/base" /bin/true
	"$bin/bolt" surge run --rm --gpu all --runtime "$1" "$dir/base" sleep 30 &
	pid=$!
	workspace=/proc/$pid/root/run/bolt/workspace
	until [ -s "$workspace/pid" ]; do sleep 0.05; done
	mkdir "$bundle"
	cp "$workspace"/{hosts,hostname,resolv.conf} "$bundle/"
	cp -a "$workspace/rootfs" "$bundle/rootfs"
	jq --arg b "$bundle" '.process.args = ["/bin/true"] | .linux.cgroupsPath = "/bolt-bench"
		| .mounts |= map(.source |= sub("^/run/bolt/workspace"; $b))' \
		"$workspace/config.json" >"$bundle/filter.json"
	jq 'del(.annotations["run.oci.seccomp_bpf_data"])' "$bundle/filter.json" >"$bundle/bare.json"
	kill -KILL "$(cat "$workspace/pid")"
	wait "$pid" || true
}


# timed FILE COMMAND...: appends its time in microseconds.
timed() {
	local file=$1 start end
	shift
	start=${EPOCHREALTIME/./}
	"$@"
	end=${EPOCHREALTIME/./}
	echo $((end - start)) >>"$file"
}

median() { sort -n "$1" | awk '{v[NR] = $1} END {printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000}'; }

printf '%-8s %12s %12s %12s %12s %12s\n' runtime bare filter bolt bolt-bare bolt-filter
for runtime in "${runtimes[@]}"; do
	command -v "$runtime" >/dev/null || continue
	bundle_of "$runtime"
	# In a namespace without the v2 mount of a hybrid host, where crun would refuse; the cost of entering it is in
	# neither figure.
	cat >"$dir/series" <<-END
		set -euo pipefail
		if [ "\$(stat -f -c %T /sys/fs/cgroup/unified 2>/dev/null)" = cgroup2fs ]; then
			umount -l /sys/fs/cgroup/unified
			mount -t tmpfs none /sys/fs/cgroup/unified
		fi
		$(declare -f timed)
		for ((i = -3; i < $runs; i++)); do
			for kind in bare filter; do
				file=\$([ \$i -lt 0 ] && echo /dev/null || echo "$dir/$runtime.\$kind")
				cp "$dir/$runtime/\$kind.json" "$dir/$runtime/config.json"
				timed "\$file" $runtime --root "$dir/state" run --bundle "$dir/$runtime" bolt-bench </dev/null
			done
			file=\$([ \$i -lt 0 ] && echo /dev/null || echo "$dir/$runtime.bolt")
			timed "\$file" "$bin/bolt" --config "$dir/config.toml" surge run --rm --gpu all --network host --runtime $runtime "$dir/base" /bin/true
			# The capsule's files go in the background: that is in nobody's figure.
			while [ -n "\$(ls -A /var/lib/bolt/trash)" ]; do sleep 0.002; done
		done
	END
	unshare -m bash "$dir/series"
	bare=$(median "$dir/$runtime.bare") filter=$(median "$dir/$runtime.filter") bolt=$(median "$dir/$runtime.bolt")
	printf '%-8s %9s ms %9s ms %9s ms' "$runtime" "$bare" "$filter" "$bolt"
	awk "BEGIN {printf \" %+9.1f ms %+9.1f ms\n\", $bolt - $bare, $bolt - $filter}"
done
