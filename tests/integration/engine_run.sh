#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind run with a real podman, a real dockerd, and bolt without root: the container has the GPUs that were asked for,
# and the lease on them has the container's life.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/user.sh"
need nvbind-runtime runc
# Caches of profiles.
[ -d /var/cache/nvbind ] || defer rm -rf /var/cache/nvbind
engine_prepare h200x8

# podman with a store of its own, and limits above ours left out, which could not be set without CAP_SYS_RESOURCE.
mkdir "$T/bin"
cat >"$T/bin/podman" <<END2
#!/bin/bash
globals=(--root "$T/store" --runroot "$T/runroot" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file
	--runtime runc)
[ "\$1" = run ] || exec $(command -v podman || echo false) "\${globals[@]}" "\$@"
shift
exec $(command -v podman || echo false) "\${globals[@]}" run --cgroup-parent /$CGROUP --cap-add MKNOD \
	--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pids-limit 0 "\$@"
END2
chmod +x "$T/bin/podman"
export PATH=$T/bin:$PATH

run() { nvbind run --runtime "$1" --rm --network none "${@:2}" </dev/null; }
gpu_run() { NVBIND_ROOT=$T/host run "$@" 2>>"$T/engine.log"; }

with_podman() {
	mkdir -p /run/cdi
	one_line 'no spec' 'no CDI spec names GPU 2.*nvbind cdi generate' env NVBIND_ROOT="$T/host" nvbind run --runtime podman --gpu 2 test
	nvbind --config "$T/etc-nvbind/config.toml" cdi generate --root "$T/host" --output /run/cdi/
	tar -C "$T/rootfs" -c . | podman import - test >/dev/null 2>&1
	podman run --rm --network none test true || { fail "$WORLD: podman runs no container at all"; return 0; }
	sees 'podman' 2 "$(gpu_run podman --gpu 2 test probe)"
	sees 'podman, two GPUs' '0 5' "$(gpu_run podman --gpu 0 --gpu 5 test probe)"
	is "$WORLD: podman, a profile" 'PCI_BUS_ID 1048576' "$(gpu_run podman --gpu 0 --profile ai test sh -c \
		'echo $CUDA_DEVICE_ORDER $(df -k /dev/shm | tail -n 1 | while read -r _ size _; do echo $size; done)')"
	local status=0
	gpu_run podman --gpu 0 test sh -c 'exit 41' || status=$?
	is "$WORLD: podman, the program's status" 41 "$status"

	# Exclusively, and beyond the life of podman's client.
	mkfifo "$T/up"
	NVBIND_ROOT=$T/host nvbind run --runtime podman --name held --network none --gpu 3 --isolation exclusive \
		-v "$T:/t" test sh -c 'echo up >/t/up; sleep 1000' </dev/null >/dev/null 2>&1 &
	local client=$! init
	read -r _ <"$T/up"
	one_line 'nobody else gets that GPU' 'GPU 3 .* is held exclusively by podman' \
		env NVBIND_ROOT="$T/host" nvbind run --runtime podman --gpu 3 test
	init=$(podman inspect -f '{{.State.Pid}}' held)
	kill -KILL "$client"
	wait "$client" 2>/dev/null || true
	is "$WORLD: nor where podman's client was killed" "exclusive 3 $init" \
		"$(leases | jq -r '.[] | "\(.mode) \(.devices[].id) \(.process)"')"
	podman rm -f -t 0 held >/dev/null
	eventually "$WORLD: and it ends with the container" '[]' leases
	sees 'so others get it' 3 "$(gpu_run podman --gpu 3 test probe)"
	is "$WORLD: of the files that podman wrote one is left, the last" 1 "$(find /run/nvbind/podman -type f | wc -l)"
}

with_docker() {
	jq -n --arg bin "$NVB_BUILD/bin/nvbind-runtime" '{runtimes: {nvbind: {path: $bin}}}' >"$T/daemon.json"
	mkdir -p "$T/docker.$WORLD"
	cp "$T/daemon.json" "$T/docker.$WORLD/"
	start_dockerd "$T/docker.$WORLD"
	tar -C "$T/rootfs" -c . | docker import - test >/dev/null
	docker run --rm --network none test true || { fail "$WORLD: docker runs no container at all"; return 0; }
	sees 'docker' 2 "$(gpu_run docker --gpu 2 test probe)"
	sees 'docker, two GPUs' '0 5' "$(gpu_run docker --gpu 0 --gpu 5 test probe)"
	sees 'docker, all' '0 1 2 3 4 5 6 7' "$(gpu_run docker test probe)"
	is "$WORLD: docker, a profile" 'PCI_BUS_ID 1048576' "$(gpu_run docker --gpu 0 --profile ai --ulimit memlock=65536 test sh -c \
		'echo $CUDA_DEVICE_ORDER $(df -k /dev/shm | tail -n 1 | while read -r _ size _; do echo $size; done)')"
	stop_dockerd
	one_line 'a daemon that does not run' 'daemon does not answer: .*Cannot connect' \
		env NVBIND_ROOT="$T/host" nvbind run --runtime docker --gpu 2 test
}

# Each engine needs its programs alone.
world() {
	if command -v podman >/dev/null && [ -n "$(type -P conmon)" ]; then with_podman; fi
	if command -v dockerd >/dev/null && command -v docker >/dev/null; then with_docker; fi
}

if runtime_works runc v1; then
	in_world v1 world
elif runtime_works runc v2; then
	in_world v2 world
else
	skip "no container runs here: $(cat "$T"/.works.runc.*)"
fi

without_root() {
	cd "$HOME"
	is 'bolt, --rootless as a user' 1 "$(NVBIND_ROOT=$T/host nvbind run --runtime bolt --rootless --gpu 2 --rootfs "$T/rootfs" \
		--name rootless img -- nvidia-smi -L 2>"$T/user.log" | grep -c H200 || cat "$T/user.log" >&2)"
}
has_user && as_user without_root
