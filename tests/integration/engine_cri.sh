#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd with nvbind as a runtime handler, asked as a kubelet asks: pods, containers by environment and by
# annotation, on cgroup v1 and v2.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need containerd ctr runc python3 curl tar
need nvbind-runtime
curl --version | grep -q HTTP2 || skip 'needs a curl that speaks HTTP/2'
engine_prepare h200x8

cri() { python3 "$NVB_SOURCE/tests/integration/programs/cri.py" "$T/$WORLD/containerd.sock" "$@" </dev/null; }
client() { timeout 120 ctr -a "$T/$WORLD/containerd.sock" -n k8s.io "$@" </dev/null; }

# An image that pulls nothing: as `docker save` writes one. Pods' first container runs it as it is.
make_image() { # NAME FILE
	local dir=$T/image layer
	mkdir -p "$dir"
	tar -C "$T/rootfs" -c . >"$dir/layer.tar"
	layer=$(sha256sum "$dir/layer.tar" | cut -d' ' -f1)
	jq -nc --arg layer "sha256:$layer" '{architecture: "amd64", os: "linux", rootfs: {type: "layers", diff_ids: [$layer]},
		config: {Entrypoint: ["/bin/sleep", "1000"], Env: ["PATH=/bin:/usr/bin"]}}' >"$dir/config.json"
	jq -nc --arg name "$1" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' >"$dir/manifest.json"
	tar -C "$dir" -c manifest.json config.json layer.tar >"$2"
}
make_image docker.io/nvb/test:1 "$T/image.tar"

# As administrators write it, with a handler that is NVIDIA's no more. What needs CAP_SYS_RESOURCE is off.
write_config() { # DIR
	mkdir -p "$1/cni"
	cat >"$1/containerd.toml" <<-END
		version = 2
		root = "$1/containerd"
		state = "$1/run-containerd"
		[grpc]
		  address = "$1/containerd.sock"
		[ttrpc]
		  address = "$1/containerd.sock.ttrpc"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "docker.io/nvb/test:1"
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  stream_server_address = "127.0.0.1"
		  stream_server_port = "0"
		[plugins."io.containerd.grpc.v1.cri".cni]
		  conf_dir = "$1/cni"
		  bin_dir = "$1/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		  snapshotter = "native"
		  default_runtime_name = "runc"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvbind]
		  runtime_type = "io.containerd.runc.v2"
		  container_annotations = ["cdi.k8s.io/*"]
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvbind.options]
		  BinaryName = "$NVB_BUILD/bin/nvbind-runtime"
	END
}

# A container of its own in the pod: inside NAME WORD... prints what probe says there.
inside() {
	local id
	id=$(cri container "$POD" "/$CGROUP" "$1" docker.io/nvb/test:1 "${@:2}" -- /bin/sleep 1000) &&
		cri start "$id" && cri exec "$id" /bin/probe && cri remove "$id"
}

world() {
	local plain
	write_config "$T/$WORLD"
	setpriv --pdeathsig KILL containerd -c "$T/$WORLD/containerd.toml" >"$T/$WORLD/containerd.log" 2>&1 &
	wait_ready $! "$T/$WORLD/containerd.log" client version
	client image import "$T/image.tar" >/dev/null
	if ! plain=$(cri pod "/$CGROUP" runc plain 2>"$T/said"); then
		echo "# left out: containerd runs no pod here on cgroup $WORLD: $(tail -c 300 "$T/said")"
		return 0
	fi
	cri remove-pod "$plain"
	POD=$(cri pod "/$CGROUP" nvbind pod)
	is "$WORLD: a pod by itself holds no GPU" '[]' "$(leases)"
	sees 'a container that asks by environment' 2 "$(inside env NVIDIA_VISIBLE_DEVICES=2)"
	sees 'one that asks for two' '0 5' "$(inside two NVIDIA_VISIBLE_DEVICES=0,5)"
	sees 'one that asks by annotation, as device plugins do' 3 "$(inside annotated @cdi.k8s.io/nvidia-device-plugin_1=nvidia.com/gpu=3)"
	sees 'one that asks for none' '' "$(inside none)"
	one_line 'a GPU that is not there' 'no such GPU: 99' inside wrong NVIDIA_VISIBLE_DEVICES=99
	cri remove-pod "$POD"
	eventually "$WORLD: nothing is held when the pod is gone" '[]' leases
}

for w in $(worlds); do
	if runtime_works runc "$w"; then
		in_world "$w" world
	else
		echo "# left out: $(cat "$T/.works.runc.$w")"
	fi
done
