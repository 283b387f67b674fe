#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-hook as the prestart hook that docker's --gpus names, under real runtimes on cgroup v1 and v2: the container has
# exactly the GPUs it asks for and can open no other, on a root that is read-only and in a user namespace too, and
# nothing stays on the host.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/prestart_lib.sh"
need_root
need nvbind-hook nvbind-sim runc jq
prestart_machine h200x8
make_glibc_root "$T/image"
cat >"$T/image/probe" <<'END'
#!/bin/sh
# The nodes, what opening each says, what nvidia-smi sees, and how a file of the driver is mounted.
for node in /dev/nvidia*; do
	echo "$node: $(dd if="$node" of=/dev/null count=0 2>&1 | sed -n "s/.*: //p")"
done
nvidia-smi -L
grep -o ' /[^ ]*libcuda.so[^ ]* [^ ]* ro,nosuid,nodev' /proc/mounts
END
chmod +x "$T/image/probe"

# What a container that was given GPU 2 says, with the node of GPU 5 put in beside it by somebody else.
EXPECTED='/dev/nvidia-uvm-tools: No such device or address
/dev/nvidia-uvm: No such device or address
/dev/nvidia2: No such device or address
/dev/nvidia5: Operation not permitted
/dev/nvidiactl: No such device or address'

# container NAME: a bundle that asks for GPU 2 and has the node of GPU 5.
container() {
	mkdir -p "$1"
	cp -a "$T/image" "$1/rootfs"
	gpu_bundle "$1" 2 /probe
	edit "$1" ".mounts += [{destination: \"/dev/nvidia5\", type: \"bind\", source: \"$T/host/dev/nvidia5\",
		options: [\"bind\"]}]"
}

# sees WHAT OUTPUT
sees() {
	is "$1: its nodes, and no other opens" "$EXPECTED" "$(grep '^/dev/' <<<"$2" | sort)"
	is "$1: nvidia-smi finds one GPU" 1 "$(grep -c '^GPU' <<<"$2")"
	like "$1: the driver is mounted read-only" '/usr/lib/x86_64-linux-gnu/libcuda.so.[0-9.]+ .* ro,nosuid,nodev' "$2"
}

host_cgroups() { find /sys/fs/cgroup -maxdepth 3 -type d -name "nvb-test-*$(basename "$T" | tr . -)*" | wc -l; }

# try RUNTIME WORLD WHAT [FUNCTION]: a container changed by the function.
try() {
	local runtime=$1 world=$2 what="$1, cgroup $2${3:+, $3}" dir=$T/c.$1.$2.${3:+${3// /-}} output
	container "$dir"
	[ $# -lt 4 ] || "$4" "$dir"
	output=$("with_cgroup_$world" run_bundle "$runtime" "$dir" 2>&1 || :)
	sees "$what" "$output"
	rm -rf --one-file-system "$dir"
}

read_only() { edit "$1" '.root.readonly = true'; }
users() {
	chown -R "$IDS:$IDS" "$1/rootfs"
	with_users "$1"
}
users_read_only() {
	users "$1"
	read_only "$1"
}

host_mounts() { grep -c "$T" /proc/self/mountinfo || :; }

mounts=$(host_mounts)
for runtime in runc crun; do
	for world in v1 v2; do
		if ! runtime_works "$runtime" "$world"; then
			echo "SKIP: $runtime, cgroup $world: $(tail -1 "$T/.works.$runtime.$world")" >&2
			continue
		fi
		try "$runtime" "$world" ''
		try "$runtime" "$world" 'read-only root' read_only
		try "$runtime" "$world" 'user namespace' users
		try "$runtime" "$world" 'user namespace, read-only root' users_read_only
	done
done
is 'no mount stays on the host' "$mounts" "$(host_mounts)"
is 'no cgroup stays' 0 "$(host_cgroups)"
is 'no node is made on the host' 0 "$(find /dev -maxdepth 1 -name 'nvidia*' | wc -l)"

# Nothing is asked for: nothing is done, and nothing read but what asks.
mkdir "$T/none"
cp -a "$T/image" "$T/none/rootfs"
for gpus in void ''; do
	gpu_bundle "$T/none" "$gpus" sh -c 'ls /dev | grep -c nvidia; ls /etc'
	is "NVIDIA_VISIBLE_DEVICES=$gpus: no node" 0 "$(with_cgroup_v1 run_bundle runc "$T/none" | head -1)"
done
gpu_bundle "$T/none" none sh -c 'ls /dev | grep -c "nvidia[0-9]"; ls /usr/bin/nvidia-smi'
is 'none: the driver and no GPU' '0 /usr/bin/nvidia-smi' "$(with_cgroup_v1 run_bundle runc "$T/none" | xargs)"

# A process of its own holds the lease, as long as it lives.
gpu_bundle "$T/none" 3 sh -c 'cat /leases/leases/records/*'
mkdir -p "$T/host/run/nvbind"
edit "$T/none" ".mounts += [{destination: \"/leases\", type: \"bind\", source: \"$T/host/run/nvbind\", options: [\"rbind\"]}]"
like 'a lease is held while it runs' '^engine prestart hook' "$(with_cgroup_v1 run_bundle runc "$T/none" 2>&1)"
is 'and by nobody afterwards' '' "$(NVBIND_ROOT=$T/host nvbind info --leases 2>/dev/null | grep 'prestart' || :)"

# An engine without root: its hooks are root in its user namespace, where no device program can be attached and no node
# made; the host's nodes go in as they are.
rootless() {
	mkdir "$T/rootless"
	cp -a "$T/image" "$T/rootless/rootfs"
	gpu_bundle "$T/rootless" 2 /probe
	edit "$T/rootless" 'del(.linux.resources) | .linux.namespaces |= map(select(.type != "network"))
		| .mounts |= map(select(.destination != "/sys/fs/cgroup")
			| if .destination == "/sys" then {destination: "/sys", type: "none", source: "/sys", options: ["rbind", "ro"]}
				elif .destination == "/dev/pts" then .options -= ["gid=5"] else . end)'
	unshare --user --map-root-user --mount --pid --fork --mount-proc \
		runc --root "$T/rootless/state" run --bundle "$T/rootless" "nvb-test-$BASHPID" </dev/null
}
if unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>/dev/null; then
	output=$(with_cgroup_v1 rootless 2>&1 || :)
	is 'in the namespace of a rootless engine: its nodes' "$(grep -v nvidia5 <<<"$EXPECTED")" \
		"$(grep '^/dev/' <<<"$output" | sort)"
	is 'and nvidia-smi finds one GPU' 1 "$(grep -c '^GPU' <<<"$output")"
fi

# MIG devices by number, and by the UUIDs that the cache has from NVML; a hook asks NVML for nothing.
make_sim a100x8-mig "$T/mig"
printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n' "$T/mig" "$T/mig-cache" >"$T/config.toml"
uuid=$(nvbind info --root "$T/mig" --nvml --json | jq -r '.gpus[0].mig_devices[1].uuid // ([.. | .uuid? // empty | select(startswith("MIG-"))][1])')
mig() { # SELECTOR
	gpu_bundle "$T/none" "$1" sh -c 'nvidia-smi -L | grep -o "MIG-[^)]*"; ls /dev/nvidia-caps | wc -l
		for n in /dev/nvidia-caps/*; do dd if=/dev/zero of=$n count=1 2>&1 | sed -n "s/.*: //p"; done'
	with_cgroup_v1 run_bundle runc "$T/none" 2>&1 || :
}
like 'a MIG device by a UUID that nobody knows yet' "run 'nvbind info --nvml' as root" "$(mig "$uuid")"
is 'by number: itself, its two rights, nothing to be written' "$uuid 2 Permission denied Permission denied" "$(mig 0:1 | xargs)"
nvbind info --nvml --config "$T/config.toml" >/dev/null
is 'by UUID, from the cache' "$uuid 2 Permission denied Permission denied" "$(mig "$uuid" | xargs)"
