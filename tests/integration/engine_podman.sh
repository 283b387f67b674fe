#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real podman with --runtime nvbind-runtime, and with --device nvidia.com/gpu=0 over a spec in /etc/cdi, beside each
# other, on cgroup v1 and v2.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need podman conmon runc
need nvbind-runtime
engine_prepare h200x8

# A store of its own; vfs works on every file system.
engine() {
	timeout 120 podman --root "$T/store.$WORLD" --runroot "$T/run.$WORLD" --storage-driver vfs --cgroup-manager cgroupfs \
		--events-backend file "$@" </dev/null
}
# Limits above ours could not be set where CAP_SYS_RESOURCE is missing.
run() { # RUNTIME ARGUMENT...
	local runtime=$1
	shift
	engine --runtime "$runtime" run --rm --network none --cgroup-parent "/$CGROUP" --cap-add MKNOD \
		--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pids-limit 0 "$@"
}
shim() { run "$NVB_BUILD/bin/nvbind-runtime" -e "NVIDIA_VISIBLE_DEVICES=$1" "${@:2}"; }
cdi() { run runc --device "nvidia.com/gpu=$1" "${@:2}"; }

by_runtime() {
	local id
	sees 'podman --runtime' 2 "$(shim 2 test probe)"
	sees 'podman --runtime, two GPUs, read-only root' '0 5' "$(shim 0,5 --read-only test probe)"
	rm -f "$T/recorded"/*
	sees 'podman --runtime, no GPU asked' '' "$(run "$T/before/runc" test probe)"
	for id in "$T/recorded"/*.before; do
		same_file "$WORLD: no GPU asked, config.json is untouched" "$id" "${id%.before}.after"
	done
	one_line 'a GPU that is not there' 'no such GPU: 99' shim 99 test true
	one_line 'a part of a GPU' 'NVBIND_ISOLATION.*virtual: only bolt chooses parts' shim 2 -e NVBIND_ISOLATION=virtual test true
	one_line 'a word that is no device' 'NVIDIA_VISIBLE_DEVICES.*bogus' shim bogus test true
}

by_cdi() {
	sees 'podman --device nvidia.com/gpu=0' 0 "$(cdi 0 test probe)"
	sees 'podman --device nvidia.com/gpu=all' '0 1 2 3 4 5 6 7' "$(cdi all test probe)"
	# What CDI gave is left alone by the shim in front of the runtime, as by NVIDIA's.
	sees 'podman --device and --runtime' 6 \
		"$(run "$NVB_BUILD/bin/nvbind-runtime" --device nvidia.com/gpu=6 test probe)"
	one_line 'a CDI device that is not there' 'unresolvable.*nvidia.com/gpu=99' cdi 99 test true
}

# Root of the container is nobody of the host: nodes come as bind mounts, and may be opened since everybody may. Not by
# CDI here: for that runc 1.1 takes nodes from where the container has them, and a simulated machine's lie elsewhere.
user_namespace() {
	local map=(--uidmap 0:100000:65536 --gidmap 0:100000:65536)
	run runc "${map[@]}" test true 2>/dev/null || { echo '# left out: podman runs nothing in a user namespace here'; return 0; }
	sees 'podman --uidmap --runtime' 2 "$(shim 2 "${map[@]}" test probe)"
}

container_life() {
	local id
	id=$(engine --runtime "$NVB_BUILD/bin/nvbind-runtime" run -d --name "life$WORLD" --network none \
		--cgroup-parent "/$CGROUP" --cap-add MKNOD --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --pids-limit 0 \
		-e NVIDIA_VISIBLE_DEVICES=3 test sleep 1000)
	sees 'podman exec' 3 "$(engine exec "life$WORLD" probe)"
	is "$WORLD: its GPU is leased to it" "shared 3 $id $(engine inspect -f '{{.State.Pid}}' "life$WORLD" 2>/dev/null)" \
		"$(leases | jq -r '.[] | "\(.mode) \(.devices[].id) \(.container) \(.process)"')"
	mkdir -p "$T/inspecting"
	printf '#!/bin/sh\nexec %s --root %s --runroot %s --storage-driver vfs --events-backend file "$@"\n' "$(command -v podman)" \
		"$T/store.$WORLD" "$T/run.$WORLD" >"$T/inspecting/podman"
	chmod 755 "$T/inspecting/podman"
	is "$WORLD: doctor looks from inside of it, and finds nothing" "container.denied fine container.cuda fine" \
		"$(PATH=$T/inspecting:$PATH nvbind doctor --root "$T/host" --container "life$WORLD" --format json | jq -r '[.checks[] |
			select(.status == "warning" or .status == "failure" or (.id | IN("container.denied", "container.cuda"))) |
			.id + " " + .status] | join(" ")')"
	engine rm -f -t 0 "life$WORLD" >/dev/null
	eventually "$WORLD: and no longer" '[]' leases
}

world() {
	# podman 4.3 looks for specs in /etc/cdi and /var/run/cdi alone; /run is this world's own.
	mkdir -p /run/cdi
	nvbind --config "$T/etc-nvbind/config.toml" cdi generate --root "$T/host" --output /run/cdi/
	engine image exists test 2>/dev/null || tar -C "$T/rootfs" -c . | podman --root "$T/store.$WORLD" \
		--runroot "$T/run.$WORLD" --storage-driver vfs --events-backend file import - test >/dev/null 2>&1
	run runc test true || { fail "$WORLD: podman runs no container at all"; return 0; }
	by_runtime
	by_cdi
	user_namespace
	container_life
}

for w in $(worlds); do
	if runtime_works runc "$w"; then
		in_world "$w" world
	else
		echo "# left out: $(cat "$T/.works.runc.$w")"
	fi
done
