# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of nvbind-runtime share; sourced after lib.sh. The shim reads nothing but /etc/nvbind/config.toml: in a
# mount namespace of the test's own that is a directory of the test's.

# configure [LINE...]: the host is the simulated one in $T/host, its cache is kept, and [runtime] says LINE... .
configure() {
	mkdir -p "$T/etc/nvbind"
	{
		printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n[cdi]\ndirectories = ["%s"]\n[runtime]\n' \
			"${HOST:-$T/host}" "$T/cache" "$T/cdi"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$T/etc/nvbind/config.toml"
}

# configured COMMAND...: with that configuration; in a mount namespace that is already the test's.
configured() {
	mount -t overlay overlay -o "lowerdir=$T/etc:/etc" /etc
	"$@"
}

# shim ARGUMENT...: nvbind-runtime with that configuration.
shim() { in_mount_namespace configured nvbind-runtime "$@"; }

# in_world v1|v2 COMMAND...: the same in one cgroup world, for containers that really run.
in_world() { "with_cgroup_$1" configured "${@:2}"; }

# bundle DIR FILTER [COMMAND...]: a bundle whose config.json the jq filter has gone over. Its program may make nodes.
bundle() {
	local dir=$1 filter=$2
	shift 2
	[ -d "$dir/rootfs" ] || make_busybox_root "$dir/rootfs"
	[ -f "$T/.spec/config.json" ] || make_bundle "$T/.spec" true
	jq --tab ".process.args = $(jq -cn '$ARGS.positional' --args -- "${@:-true}")
		| .process.capabilities[] += [\"CAP_MKNOD\"] | $filter" "$T/.spec/config.json" >"$dir/config.json"
}

# env NAME=VALUE...: a jq filter that sets variables. mounts DEVICE...: one that asks by mounts.
env_of() { printf '.process.env += %s' "$(jq -cn '$ARGS.positional' --args -- "$@")"; }
mounts_of() {
	printf '.mounts += (%s | map({type: "bind", source: "/dev/null", options: ["bind"],
		destination: ("/var/run/nvidia-container-devices/" + .)}))' "$(jq -cn '$ARGS.positional' --args -- "$@")"
}
annotations_of() { printf '.annotations["cdi.k8s.io/test"] = %s' "$(jq -cn '$ARGS.positional | join(",")' --args -- "$@")"; }
privileged='.process.capabilities[] += ["CAP_SYS_ADMIN"]'

# What a config.json gives: the GPU nodes by their numbers.
gpus_of() { jq -r '[.linux.devices[]?.path | select(test("^/dev/nvidia[0-9]+$")) | ltrimstr("/dev/nvidia") | tonumber] | sort | join(" ")' "$1"; }
