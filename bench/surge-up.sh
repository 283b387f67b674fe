#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `bolt surge up` of 20 services takes, beside the OCI runtime that bolt uses here starting 20 containers like
# those, all at once: with the host's network, and in a bridge, where the bare ones are joined by the same CNI plugins
# and nothing else. In mount and network namespaces of its own. crun is given its compiled system call filter by bolt,
# which nobody else does: BARE is without it, FILTER is the bare runtime with it.
#
#	bench/surge-up.sh [RUNS]		default: 10
#
# Prints "up RUNTIME NETWORK BARE FILTER BOLT AGAIN" in milliseconds: medians of whole commands that take turns. AGAIN
# are 20 that are there and start again; BOLT makes them, too, and has them on the disk.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
bin=${NVB_BUILD:-$source/build}/bin
runs=${1:-10} count=20
[ "$(id -u)" = 0 ] || {
	echo "${0##*/}: needs root" >&2
	exit 77
}
if [ -z "${NVB_BENCH_UP_INSIDE:-}" ]; then
	export NVB_BENCH_UP_INSIDE=1
	exec unshare -m -n --propagation private "$0" "$runs"
fi
# Where crun refuses a host with both versions of control groups it gets one.
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
# What is flushed goes to the disk that it would go to.
state=$(mktemp -d "${NVB_BENCH_DISK:-/var/tmp}/nvb-bench.XXXXXXXX")
mkdir -p /run/bolt /var/lib/bolt /run/netns
mount -t tmpfs none /run/bolt
mount -t tmpfs none /run/netns
mount --bind "$state" /var/lib/bolt
ip link set lo up

dir=$(mktemp -d)
finish() {
	cd /
	[ ! -e "$dir/Boltfile.toml" ] || (cd "$dir" && bolt surge down -t 0 >/dev/null 2>&1) || true
	umount -l /var/lib/bolt
	rm -rf --one-file-system "$dir" "$state"
}
trap finish EXIT
PATH=$bin:$PATH

for plugins in /usr/lib/cni /usr/libexec/cni /opt/cni/bin ''; do
	[ ! -x "$plugins/bridge" ] || break
done
"$source/scripts/make-base-root" "$dir/base"

now() { date +%s%N; }
median() { sort -n | awk '{v[NR] = $1} END {printf "%.0f", v[int((NR + 1) / 2)] / 1e6}'; }

# timed FILE COMMAND...: adds the time of a command in nanoseconds.
timed() {
	local file=$1 begun
	shift
	begun=$(now)
	"$@" >/dev/null 2>"$dir/said" </dev/null || {
		cat "$dir/said" >&2
		return 1
	}
	echo $(($(now) - begun)) >>"$file"
}

# The bundle that bolt's starter had, for the bare runtime: its config.json with a plain directory as root.
bundles_of() {
	local pid workspace i config
	bolt surge run --rm "$dir/base" sleep 1000 &
	pid=$!
	workspace=/proc/$pid/root/run/bolt/workspace
	until [ -s "$workspace/pid" ]; do sleep 0.05; done
	mkdir "$dir/$1"
	cp "$workspace"/{hosts,hostname,resolv.conf} "$dir/$1/"
	cp -a "$workspace/rootfs" "$dir/$1/rootfs"
	for ((i = 1; i <= count; i++)); do
		mkdir -p "$dir/$1"/{bare,filter}-{host,bridge}/"$i"
		config=$dir/$1/filter-host/$i/config.json
		jq --arg b "$dir/$1" --arg i "$i" '.linux.cgroupsPath = "/bolt-bench/\($i)" | .root.path = "\($b)/rootfs"
			| .mounts |= map(.source |= sub("^/run/bolt/workspace"; $b))' "$workspace/config.json" >"$config"
		jq 'del(.annotations["run.oci.seccomp_bpf_data"])' "$config" >"$dir/$1/bare-host/$i/config.json"
		for kind in bare filter; do
			jq --arg i "$i" '.linux.namespaces += [{type: "network", path: "/run/netns/bench-\($i)"}]' \
				"$dir/$1/$kind-host/$i/config.json" >"$dir/$1/$kind-bridge/$i/config.json"
		done
		jq -n --arg i "$i" '{cniVersion: "0.4.0", type: "bridge", name: "bench", bridge: "bench0", isGateway: true,
			isDefaultGateway: true, hairpinMode: true, ipMasq: false, ipam: {type: "static",
			addresses: [{address: "10.99.0.\(100 + ($i | tonumber))/24", gateway: "10.99.0.1"}]}}' >"$dir/$1/cni-$i"
	done
	kill -KILL "$(cat "$workspace/pid")"
	wait "$pid" || true
}

cat >"$dir/one-host" <<'ONE'
#!/bin/sh
exec "$1" --root "$2/state" run --detach --bundle "$2/$1/$5-host/$3" "bench-$3" >/dev/null 2>&1
ONE
cat >"$dir/one-bridge" <<'ONE'
#!/bin/sh
ip netns add "bench-$3"
CNI_COMMAND=ADD CNI_CONTAINERID=bench-$3 CNI_NETNS=/run/netns/bench-$3 CNI_IFNAME=eth0 CNI_PATH=$4 "$4/bridge" <"$2/$1/cni-$3" >/dev/null
exec "$1" --root "$2/state" run --detach --bundle "$2/$1/$5-bridge/$3" "bench-$3" >/dev/null 2>&1
ONE
chmod +x "$dir"/one-*

# bare RUNTIME NETWORK KIND: the first one makes the bridge, which two at once cannot.
bare() {
	local first=1
	if [ "$2" = bridge ]; then
		"$dir/one-bridge" "$1" "$dir" 1 "$plugins" "$3"
		first=2
	fi
	seq "$first" "$count" | xargs -P "$count" -I{} "$dir/one-$2" "$1" "$dir" {} "$plugins" "$3"
}

bare_end() {
	local i
	for ((i = 1; i <= count; i++)); do
		"$1" --root "$dir/state" delete --force "bench-$i"
		[ "$2" = host ] || ip netns del "bench-$i"
	done
	ip link del bench0 2>/dev/null || true
}

# boltfile NETWORK
boltfile() {
	local i
	printf 'project = "bench"\n'
	for ((i = 1; i <= count; i++)); do
		printf '[services.s%d]\ncapsule = "%s"\ncommand = ["sleep", "1000"]\n' "$i" "$dir/base"
		[ "$1" = bridge ] || printf 'network_mode = "host"\n'
	done
}

up() { (cd "$dir" && bolt surge up -d); }

bolt surge run -d --name bench "$dir/base" sleep 1000 >/dev/null
runtime=$(basename "$(bolt capsule inspect bench | jq -r '.[0].runtime')")
bolt capsule rm -f bench >/dev/null
bundles_of "$runtime" 2>/dev/null
for network in host bridge; do
	[ "$network" = host ] || [ -n "$plugins" ] || continue
	boltfile "$network" >"$dir/Boltfile.toml"
	for ((i = -1; i < runs; i++)); do
		file=$dir/times
		[ "$i" -ge 0 ] || file=$dir/warm
		# The kernel goes on taking containers down after the command that ended them: nobody's time.
		for kind in bare filter; do
			sleep 1
			timed "$file.$kind" bare "$runtime" "$network" "$kind"
			bare_end "$runtime" "$network"
		done
		sleep 1
		timed "$file.bolt" up
		(cd "$dir" && bolt surge stop -t 0 >/dev/null 2>&1)
		sleep 1
		timed "$file.again" up
		(cd "$dir" && bolt surge down -t 0 >/dev/null 2>&1)
	done
	printf 'up %s %s' "$runtime" "$network"
	for kind in bare filter bolt again; do
		printf ' %s' "$(median <"$dir/times.$kind")"
	done
	echo
	rm -f "$dir"/times.*
done
