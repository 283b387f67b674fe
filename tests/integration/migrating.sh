#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The way of docs/migrating.md with a real dockerd: from a host that NVIDIA's toolkit has set up to nvbind and back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need dockerd containerd docker runc jq
need nvbind-runtime
engine_prepare h200x8

S=$T/state
export S
run() { timeout 120 docker run --rm --network none "$@" </dev/null; }
configure() { nvbind runtime configure --runtime docker --config "$D/daemon.json" --state-dir "$S" "$@"; }

walk() {
	export D=$T/docker
	mkdir -p "$D" "$T/bin"
	# What nvidia-ctk leaves behind, and its runtime.
	printf '{\n    "default-runtime": "nvidia",\n    "log-driver": "local",\n    "runtimes": {\n        "nvidia": {\n            "args": [],\n            "path": "%s"\n        }\n    }\n}\n' \
		"$T/bin/nvidia-container-runtime" >"$D/daemon.json"
	printf '#!/bin/sh\nexec runc "$@"\n' >"$T/bin/nvidia-container-runtime"
	chmod 755 "$T/bin/nvidia-container-runtime"
	cp "$D/daemon.json" "$T/before.json"
	start_dockerd "$D"
	tar -C "$T/rootfs" -c . | docker import - test >/dev/null
	sees 'before: a runtime of others' '' "$(run -e NVIDIA_VISIBLE_DEVICES=2 test probe)"

	# Under its own name first, beside NVIDIA's.
	configure >/dev/null 2>"$T/err"
	like 'docker is to be reloaded' 'systemctl reload docker' "$(cat "$T/err")"
	kill -HUP "$DOCKERD"
	eventually 'after the reload docker has both' 'nvbind nvidia' \
		sh -c 'docker info --format "{{json .Runtimes}}" | jq -r "[keys[] | select(startswith(\"nv\"))] | join(\" \")"'
	sees 'beside it: --runtime nvbind' 2 "$(run --runtime nvbind -e NVIDIA_VISIBLE_DEVICES=2 test probe)"
	sees 'beside it: the default is as before' '' "$(run -e NVIDIA_VISIBLE_DEVICES=2 test probe)"

	# Then under NVIDIA's name: what says --runtime nvidia, or nothing, gets ours.
	configure --name nvidia >"$T/diff" 2>/dev/null
	is 'one line changes' '-            "path": "'"$T"'/bin/nvidia-container-runtime"' "$(grep '^-[^-]' "$T/diff")"
	kill -HUP "$DOCKERD"
	eventually "after the reload nvidia is ours" 0 \
		sh -c 'nvbind runtime check --runtime docker --config "$D/daemon.json" --name nvidia >/dev/null; echo $?'
	sees '--runtime nvidia' '0 5' "$(run --runtime nvidia -e NVIDIA_VISIBLE_DEVICES=0,5 test probe)"
	sees 'as the default' 3 "$(run -e NVIDIA_VISIBLE_DEVICES=3 test probe)"

	# And back.
	configure --undo >/dev/null 2>&1
	same_file 'undone: the file is as it was' "$T/before.json" "$D/daemon.json"
	kill -HUP "$DOCKERD"
	eventually 'and docker, too' nvidia sh -c 'docker info --format "{{json .Runtimes}}" | jq -r "[keys[] | select(startswith(\"nv\"))] | join(\" \")"'
	sees 'after: as before' '' "$(run -e NVIDIA_VISIBLE_DEVICES=2 test probe)"
	stop_dockerd
}
world=v1
has_cgroup v1 && runtime_works runc v1 || world=v2
in_world "$world" walk
