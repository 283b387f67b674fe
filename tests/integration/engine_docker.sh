#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real dockerd: --runtime nvbind, --gpus through the legacy prestart hook, and nvbind as default runtime, on cgroup v1
# and v2.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need dockerd containerd docker runc
need nvbind-runtime
engine_prepare h200x8
make_sim a100x8-mig "$T/mig"

mkdir -p "$T/hooks"
ln -s "$NVB_BUILD/bin/nvbind-hook" "$T/hooks/nvidia-container-runtime-hook"

run() { timeout 120 docker run --rm --network none "$@" </dev/null; }
shim() { run --runtime nvbind -e "NVIDIA_VISIBLE_DEVICES=$1" "${@:2}"; }

by_runtime() {
	sees '--runtime nvbind' 2 "$(shim 2 test probe)"
	sees '--runtime nvbind, two GPUs, read-only root' '0 5' "$(shim 0,5 --read-only test probe)"
	sees '--runtime nvbind, all' '0 1 2 3 4 5 6 7' "$(shim all test probe)"
	sees '--runtime nvbind, an image that asks' 4 "$(run --runtime nvbind asks probe)"
	sees '--runtime nvbind, void' '' "$(shim void asks probe)"
}

selections() {
	local output
	sees 'by UUID' 3 "$(shim "$(nvbind info --root "$T/host" --json | jq -r '.gpus[3].uuid')" test probe)"
	output=$(shim none asks probe)
	is "$WORLD: none is no GPU" 'gpus: ' "$(grep '^gpus' <<<"$output")"
	like "$WORLD: but the driver's files" '^lib: libcuda.so.1 =>' "$output"
	like "$WORLD: capabilities decide what comes along" 'libnvidia-encode' \
		"$(shim 2 -e NVIDIA_DRIVER_CAPABILITIES=all test find / -xdev -name 'libnvidia-encode.so.1')"
	is "$WORLD: utility alone has no CUDA" '' \
		"$(shim 2 -e NVIDIA_DRIVER_CAPABILITIES=utility test find / -xdev -name 'libcuda.so.1')"
	is "$WORLD: as another user" 1 "$(shim 2 -u 1000 test probe | sed -n 's/^smi: //p')"
}

without_a_gpu() {
	local id
	rm -f "$T/recorded"/*
	sees 'recorded, no GPU asked' '' "$(run --runtime recorded test probe)"
	for id in "$T/recorded"/*.before; do
		same_file "$WORLD: no GPU asked, config.json is untouched" "$id" "${id%.before}.after"
	done
	rm -f "$T/recorded"/*
	run --runtime recorded -e NVIDIA_VISIBLE_DEVICES=2 test true
	for id in "$T/recorded"/*.before; do
		check "$WORLD: a GPU asked, it is edited" test "$(cmp "$id" "${id%.before}.after" 2>&1)"
	done
}

refusals() {
	one_line 'a GPU that is not there' 'no such GPU: 99' shim 99 test true
	one_line 'a word that is no device' 'NVIDIA_VISIBLE_DEVICES.*(bogus|no)' shim bogus test true
	one_line 'a capability that is none' "NVIDIA_DRIVER_CAPABILITIES.*'?fly" \
		shim 2 -e NVIDIA_DRIVER_CAPABILITIES=compute,fly test true
	one_line 'a requirement that is not met' 'NVIDIA_REQUIRE_CUDA.*cuda>=99' shim 2 -e 'NVIDIA_REQUIRE_CUDA=cuda>=99.0' test true
	check "$WORLD: not when they are switched off" shim 2 -e 'NVIDIA_REQUIRE_CUDA=cuda>=99.0' -e NVIDIA_DISABLE_REQUIRE=1 test true
	is "$WORLD: the refused leave no container" '' "$(docker ps -aq)"
	is "$WORLD: and no lease" '[]' "$(leases)"
}

container_life() {
	local id
	id=$(docker run -d --network none --runtime nvbind --name life -e NVIDIA_VISIBLE_DEVICES=2 test sleep 1000)
	sees 'docker exec' 2 "$(docker exec life probe)"
	is "$WORLD: its GPU is leased to it" "shared 2 $id" "$(leases |
		jq -r '.[] | "\(.mode) \(.devices[].id) \(.container)"')"
	refuses "$WORLD: others do not get it exclusively" 125 "GPU 2 .* is in use by .*${id:0:12}" \
		bolt --root "$T/host" surge run --rm --gpu 2 --isolation exclusive "$T/rootfs" true
	is "$WORLD: the lease has the life of the container" "$(docker inspect -f '{{.State.Pid}}' life)" \
		"$(leases | jq -r '.[].process')"
	is "$WORLD: doctor looks from inside of it, and finds nothing" "container.denied fine container.cuda fine" \
		"$(nvbind doctor --root "$T/host" --container life --format json | jq -r '[.checks[] |
			select(.status == "warning" or .status == "failure" or (.id | IN("container.denied", "container.cuda"))) |
			.id + " " + .status] | join(" ")')"
	docker restart -t 0 life >/dev/null
	docker pause life >/dev/null && docker unpause life >/dev/null
	# The engine writes the control group's values anew.
	docker update --pids-limit 100 life >/dev/null
	sees 'docker restart, pause, update' 2 "$(docker exec life probe)"
	one_line 'one that wants it exclusively' "GPU 2 .* is in use by .*${id:0:12}" \
		shim 2 -e NVBIND_ISOLATION=exclusive test true
	docker rm -f life >/dev/null
	eventually "$WORLD: and ends with it" '[]' leases
}

docker_state() { docker inspect -f "{{.State.$1}}" "$2" 2>/dev/null || true; }

# A container that has its GPUs to itself, until it ends however it ends.
exclusively() {
	local id pid client
	nvbind --config "$T/etc-nvbind/config.toml" run --runtime docker --gpu 1 --isolation exclusive --name alone \
		--network none test sleep 1000 >/dev/null 2>&1 &
	client=$!
	eventually "$WORLD: it runs" true docker_state Running alone
	id=$(docker inspect -f '{{.Id}}' alone)
	# docker's client is nobody the container needs.
	kill -KILL "$client"
	wait "$client" 2>/dev/null || true
	is "$WORLD: nvbind run --runtime docker --isolation exclusive" "exclusive 1 $id" \
		"$(leases | jq -r '.[] | "\(.mode) \(.devices[].id) \(.container)"')"
	sees 'it has its GPU' 1 "$(docker exec alone probe)"
	one_line 'nobody else has' "GPU 1 .* is held exclusively by .*${id:0:12}" shim 0,1 test true
	one_line 'not by --gpus either' "GPU 1 .* is held exclusively" run --gpus all test true
	refuses "$WORLD: nor has a capsule" 125 'GPU 1 .* is held exclusively' \
		bolt --root "$T/host" surge run --rm --gpu 1 "$T/rootfs" true
	pid=$(docker_state Pid alone)
	kill -KILL "$pid"
	eventually "$WORLD: killed, it holds nothing" '[]' leases
	docker rm -f alone >/dev/null
	one_line 'a part of a GPU' 'NVBIND_ISOLATION.*virtual: only bolt chooses parts' shim 2 -e NVBIND_ISOLATION=virtual test true
	one_line 'a word that is no mode' 'NVBIND_ISOLATION.*exklusive' shim 2 -e NVBIND_ISOLATION=exklusive test true
	docker run -d --network none --name legacy1 --gpus '"device=1"' -e NVBIND_ISOLATION=exclusive test sleep 1000 >/dev/null
	one_line '--gpus, exclusively' 'GPU 1 .* is held exclusively by prestart hook' shim 1 test true
	docker rm -f legacy1 >/dev/null
	eventually "$WORLD: --gpus, ended" '[]' leases
}

exclusive_elsewhere() {
	mkfifo "$T/up.$WORLD"
	bolt --root "$T/host" surge run --rm --gpu 6 --isolation exclusive -v "$T:/t" "$T/rootfs" \
		sh -c "trap exit TERM; echo up >/t/up.$WORLD; while :; do sleep 0.1; done" &
	local pid=$! line
	read -r line <"$T/up.$WORLD"
	one_line 'a GPU that a capsule holds exclusively' 'GPU 6 .* is held exclusively by bolt container' shim 6 test true
	sees 'all but that one can be had' 5 "$(shim 5 test probe)"
	kill "$pid"
	wait "$pid" || true
	sees 'and that one again, later' 6 "$(shim 6 test probe)"
}

legacy() {
	sees '--gpus all' '0 1 2 3 4 5 6 7' "$(run --gpus all test probe)"
	sees '--gpus device=2' 2 "$(run --gpus '"device=2"' test probe)"
	sees '--gpus 2' '0 1' "$(run --gpus 2 test probe)"
	sees '--gpus, read-only root' 2 "$(run --gpus '"device=2"' --read-only test probe)"
	sees 'no --gpus, an image that asks' '' "$(run asks probe)"
	docker run -d --network none --name legacy --gpus '"device=3"' test sleep 1000 >/dev/null
	sees '--gpus, docker exec' 3 "$(docker exec legacy probe)"
	docker rm -f legacy >/dev/null
	one_line '--gpus of one that is not there' 'no such GPU: 99' run --gpus '"device=99"' test true
	one_line '--gpus, a requirement that is not met' 'cuda>=99' \
		run --gpus all -e 'NVIDIA_REQUIRE_CUDA=cuda>=99.0' test true
}

# MIG devices, of another machine: by index and by UUID, which only the management library knows.
mig() {
	local uuid output
	ENGINE_ROOT=$T/mig engine_config runc
	uuid=$(nvbind info --root "$T/mig" --json --nvml | jq -r '.gpus[0].mig_devices[1].uuid')
	for ask in 0:1 "$uuid"; do
		output=$(shim "$ask" test sh -c 'ls /dev/nvidia[0-9]* /dev/nvidia-caps/* | sort | tr "\n" " "; echo; nvidia-smi -L')
		is "$WORLD: MIG device $ask: its GPU and its two capabilities" \
			"$(nvbind plan --root "$T/mig" --gpu 0:1 --format json | jq -r '[.edits[] | select(.rule == "node.gpu" or .rule == "node.mig").path] | sort | join(" ")') " \
			"$(head -n 1 <<<"$output")"
		is "$WORLD: MIG device $ask: the driver inside sees it alone" "$uuid" "$(sed -n 's/.*UUID: \(MIG-[^)]*\).*/\1/p' <<<"$output")"
	done
	output=$(run --gpus '"device=0:1"' test nvidia-smi -L)
	is "$WORLD: MIG device by --gpus" "$uuid" "$(sed -n 's/.*UUID: \(MIG-[^)]*\).*/\1/p' <<<"$output")"
	output=$(run --gpus "\"device=$uuid\"" test nvidia-smi -L)
	is "$WORLD: MIG device by --gpus and UUID" "$uuid" "$(sed -n 's/.*UUID: \(MIG-[^)]*\).*/\1/p' <<<"$output")"
	engine_config runc
}

# Root of the containers is nobody of the host: nodes come as bind mounts, and may be opened since everybody may.
remapped() {
	stop_dockerd
	chmod 711 "$T" "$T/$WORLD" # its files are that nobody's
	echo 'nobody:100000:65536' | tee /etc/subuid >/etc/subgid
	start_dockerd "$T/$WORLD" "--userns-remap=nobody:$(id -gn nobody)"
	tar -C "$T/rootfs" -c . | docker import - test >/dev/null
	run test true || { echo "# left out: docker runs nothing in a user namespace here"; return 0; }
	sees '--userns-remap, --runtime nvbind' 2 "$(shim 2 test probe)"
	sees '--userns-remap, --gpus' 3 "$(run --gpus '"device=3"' test probe)"
	sees '--userns-remap, no GPU asked' '' "$(run --runtime nvbind test probe)"
}

as_default() {
	stop_dockerd
	start_dockerd "$T/$WORLD" --default-runtime nvbind
	sees 'default runtime' 2 "$(run -e NVIDIA_VISIBLE_DEVICES=2 test probe)"
	sees 'default runtime, an image that asks' 4 "$(run asks probe)"
	sees 'default runtime, no GPU asked' '' "$(run test probe)"
	sees 'default runtime and --gpus' 2 "$(run --gpus '"device=2"' test probe)"
	is "$WORLD: docker info names it" nvbind "$(docker info -f '{{.DefaultRuntime}}')"
}

world() {
	local once=
	jq -n --arg bin "$NVB_BUILD/bin/nvbind-runtime" --arg before "$T/before/runc" \
		'{runtimes: {nvbind: {path: $bin}, recorded: {path: $before}}}' >"$T/daemon.json"
	mkdir -p "$T/$WORLD"
	cp "$T/daemon.json" "$T/$WORLD/"
	start_dockerd "$T/$WORLD"
	tar -C "$T/rootfs" -c . | docker import - test >/dev/null
	tar -C "$T/rootfs" -c . | docker import -c 'ENV NVIDIA_VISIBLE_DEVICES=4' - asks >/dev/null
	run test true || { fail "$WORLD: docker runs no container at all" "$(tail -n 3 "$T/$WORLD/dockerd.log")"; return 0; }
	by_runtime
	container_life
	# What no control group has part in: in one world.
	if [ ! -e "$T/.once" ]; then
		touch "$T/.once"
		once=1
		selections
		without_a_gpu
		refusals
		exclusively
		exclusive_elsewhere
		mig
	fi
	legacy
	as_default
	[ -z "$once" ] || remapped
	stop_dockerd
}

for w in v1 v2; do
	if runtime_works runc "$w"; then
		in_world "$w" world
	else
		echo "# left out: $(cat "$T/.works.runc.$w")"
	fi
done
