# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the prestart_*.sh tests share; sourced after lib.sh. A simulated machine $T/host, an image, and containers that
# ask for their GPUs as docker's --gpus does: by a variable, and a prestart hook.

HOOK=$(realpath "$NVB_BUILD/bin/nvbind-hook")
IDS=100000
export HOOK IDS # for what runs in namespaces

# prestart_machine SCENARIO: the machine, and the configuration that names it.
prestart_machine() {
	make_sim "$1" "$T/host"
	chmod 755 "$T" "$T/host"
	mkdir -p "$T/bin"
	ln -sf "$HOOK" "$T/bin/nvidia-container-runtime-hook"
	printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n' "$T/host" "$T/cache" >"$T/config.toml"
}

edit() { # BUNDLE JQ-FILTER
	jq --tab "$2" "$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

# gpu_bundle DIR GPUS COMMAND...: DIR/rootfs is there.
gpu_bundle() {
	local dir=$1 gpus=$2
	shift 2
	make_bundle "$dir" "$@"
	jq --tab --arg gpus "$gpus" --arg hook "$T/bin/nvidia-container-runtime-hook" --arg config "$T/config.toml" '
		.process.env += ["NVIDIA_VISIBLE_DEVICES=\($gpus)"]
		| .hooks.prestart = [{path: $hook, args: ["nvidia-container-runtime-hook", "--config", $config, "prestart"]}]' \
		"$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
}

# with_users BUNDLE: in a user namespace whose root is $IDS.
with_users() {
	edit "$1" ".linux.namespaces += [{type: \"user\"}]
		| .linux.uidMappings = [{containerID: 0, hostID: $IDS, size: 65536}] | .linux.gidMappings = .linux.uidMappings"
}
