#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real CRI-O with nvbind-runtime as a handler, driven by crictl, on cgroup v1 and v2. Debian has neither package:
# NVB_TEST_CRIO names a directory with crio, pinns and crictl; without it they are looked for in PATH.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
PATH=$PATH:${NVB_TEST_CRIO:-/nonexistent}
need crio pinns crictl conmon podman runc
need nvbind-runtime
engine_prepare h200x8

store() { podman --root "$T/$WORLD/root" --runroot "$T/$WORLD/run" --storage-driver vfs "$@"; }

# start_crio DIR: $CRIO is its pid.
start_crio() {
	mkdir -p "$1/net.d" "$1/cdi" "$1/logs" "$1/drop-in" /etc/crio /etc/containers
	cp "$T/drop-in"/* "$1/drop-in/"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$1/policy.json"
	cat >"$1/crio.conf" <<-END
		[crio]
		root = "$1/root"
		runroot = "$1/run"
		storage_driver = "vfs"
		version_file = "$1/version"
		clean_shutdown_file = "$1/clean"
		[crio.api]
		listen = "$1/crio.sock"
		stream_address = "127.0.0.1"
		stream_port = "0"
		[crio.runtime]
		cgroup_manager = "cgroupfs"
		conmon_cgroup = "pod"
		pinns_path = "$(command -v pinns)"
		drop_infra_ctr = true
		default_runtime = "runc"
		# With MKNOD, which CRI-O does not give: the probe tries nodes of its own making.
		default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP", "KILL", "MKNOD"]
		namespaces_dir = "$1/ns"
		container_exits_dir = "$1/exits"
		container_attach_socket_dir = "$1/attach"
		hooks_dir = []
		[crio.runtime.runtimes.runc]
		runtime_path = "$(command -v runc)"
		runtime_type = "oci"
		[crio.image]
		pause_image = "localhost/test:1"
		signature_policy = "$1/policy.json"
		[crio.network]
		network_dir = "$1/net.d"
	END
	setpriv --pdeathsig KILL crio --config "$1/crio.conf" --config-dir "$1/drop-in" >"$1/crio.log" 2>&1 &
	CRIO=$!
	wait_ready "$CRIO" "$1/crio.log" client version
}

client() { crictl -c "$T/crictl.yaml" -r "unix://$T/$WORLD/crio.sock" -i "unix://$T/$WORLD/crio.sock" --timeout 120s "$@"; }

# Everything shares the host's network: no CNI is needed.
export NAMESPACES='"namespace_options": {"network": 2, "pid": 1}'
pod_config() {
	printf '{"metadata": {"name": "%s", "namespace": "test", "uid": "%s", "attempt": 1}, "log_directory": "%s",
		"linux": {"cgroup_parent": "/%s", "security_context": {%s}}}\n' "$1" "$1" "$T/$WORLD/logs" "$CGROUP" "$NAMESPACES"
}

# with_container JSON COMMAND...: in a container of the pod of $HANDLER; JSON is what is special about it.
with_container() {
	local special=$1 pod id
	shift
	pod_config "p$RANDOM" >"$T/$WORLD/pod.json"
	printf '{"metadata": {"name": "c"}, "image": {"image": "localhost/test:1"}, "command": ["/bin/sleep", "1000"],
		"log_path": "c.log", "linux": {"security_context": {%s}}%s}\n' "$NAMESPACES" "${special:+, $special}" >"$T/$WORLD/c.json"
	pod=$(client runp -r "$HANDLER" "$T/$WORLD/pod.json")
	if id=$(client create "$pod" "$T/$WORLD/c.json" "$T/$WORLD/pod.json") && client start "$id" >/dev/null; then
		client exec -s "$id" "$@" || true
	fi
	# By force: as a first process, sleep takes no request to end.
	[ -z "${id:-}" ] || client rm -f "$id" >/dev/null 2>&1
	client rmp -f "$pod" >/dev/null 2>&1
	[ -n "${id:-}" ]
}
asks() { with_container "\"envs\": [{\"key\": \"NVIDIA_VISIBLE_DEVICES\", \"value\": \"$1\"}]" "${@:2}"; }

world() {
	mkdir -p "$T/$WORLD"
	tar -C "$T/rootfs" -c . | store import -q -c 'CMD ["/bin/sleep", "1000"]' - localhost/test:1 >/dev/null
	start_crio "$T/$WORLD"
	HANDLER=nvbind
	sees 'crio' 2 "$(asks 2 /bin/probe)"
	sees 'crio, two GPUs' '0 5' "$(asks 0,5 /bin/probe)"
	sees 'crio, none asked' '' "$(with_container '' /bin/probe)"
	one_line 'a GPU that is not there' 'msg="creating container.*nvbind-runtime: no such GPU: 99' asks 99 /bin/true
	HANDLER=runc
	sees 'crio, by CDI' 3 "$(with_container '"CDI_devices": [{"name": "nvidia.com/gpu=3"}]' /bin/probe)"
	eventually "$WORLD: nobody holds a GPU any more" '[]' leases
	kill "$CRIO" || { echo "$WORLD: crio ended early:"; tail -n 5 "$T/$WORLD/crio.log"; }
	wait "$CRIO" || true
}

printf 'timeout: 120\n' >"$T/crictl.yaml"
# The drop-in as nvbind writes it, with what only this test needs.
mkdir "$T/drop-in" "$T/cdi"
nvbind cdi generate --root "$T/host" --output "$T/cdi/nvidia.yaml"
nvbind runtime configure --runtime crio --config "$T/drop-in/99-nvbind.conf" --state-dir "$T/state" >/dev/null
printf '[crio.runtime]\ncdi_spec_dirs = ["%s"]\n' "$T/cdi" >"$T/drop-in/zz-test.conf"
for w in v1 v2; do
	if runtime_works runc "$w"; then
		in_world "$w" world
	else
		echo "# left out: $(cat "$T/.works.runc.$w")"
	fi
done
