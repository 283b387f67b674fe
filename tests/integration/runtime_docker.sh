#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime configure and check with a real dockerd: it reads what was written, at a reload already, and check says
# at every step what is the case.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need_root
need nvbind nvbind-runtime dockerd containerd docker jq curl
R=$NVB_BUILD/bin/nvbind-runtime
D=$T/docker
CGROUP=nvb-test-$$-$RANDOM
export R D CGROUP DOCKER_HOST=unix://$D/docker.sock
defer engine_remove_cgroups
mkdir -p "$D" "$T/etc-nvbind"

printf '{\n\t"log-driver": "local",\n\t"features": {"buildkit": true}\n}\n' >"$D/daemon.json"
cp "$D/daemon.json" "$T/before.json"
configure() { nvbind runtime configure --runtime docker --config "$D/daemon.json" --state-dir "$T/state" --runtime-path "$R" "$@"; }
check_it() { nvbind runtime check --runtime docker --config "$D/daemon.json" "$@"; }

with_docker() {
	local out info i
	out=$(check_it) && fail 'a docker that does not run is a problem' || like 'a docker that does not run' 'problem +docker does not run' "$out"

	start_dockerd "$D"
	out=$(check_it) && fail 'not configured is a problem' || like 'not configured' "has no runtime 'nvbind' \(nvbind runtime configure --runtime docker\)" "$out"
	configure --set-default >/dev/null 2>"$T/err"
	like 'what makes it take effect is said' 'takes effect with: systemctl reload docker' "$(cat "$T/err")"
	out=$(check_it) && fail 'configured, not yet reloaded' || like 'configured, not yet reloaded' "docker as it runs does not know 'nvbind' \(systemctl reload docker\)" "$out"

	# What `systemctl reload docker` does.
	kill -HUP "$DOCKERD"
	for ((i = 0; i < 100; i++)); do
		! check_it >/dev/null || break
		sleep 0.1
	done
	out=$(check_it) && pass 'after the reload all is good' || fail 'after the reload all is good' "$out" "$(tail -n 3 "$D/dockerd.log")"
	like 'docker calls ours' "docker as it runs calls $R" "$out"
	like 'and for containers that name none' 'containers that name no runtime get nvbind' "$out"
	is 'as JSON' 'docker true 0' "$(check_it --format json | jq -r '.[] | "\(.engine) \(.good) \([.findings[] | select(.status == "problem")] | length)"')"
	info=$(curl -s --unix-socket "$D/docker.sock" http://localhost/info)
	is 'docker itself says so' "nvbind $R" "$(jq -r '"\(.DefaultRuntime) \(.Runtimes.nvbind.path)"' <<<"$info")"
	is 'its other settings are in force' local "$(jq -r .LoggingDriver <<<"$info")"

	mv "$D/daemon.json" "$T/kept.json"
	sed "s|$R|$T/gone|" "$T/kept.json" >"$D/daemon.json"
	out=$(check_it) && fail 'a runtime that is not there is a problem' || like 'a runtime that is not there' "$T/gone, and it is not there" "$out"
	mv "$T/kept.json" "$D/daemon.json"

	configure --undo >/dev/null 2>&1
	same_file 'undone' "$T/before.json" "$D/daemon.json"
	stop_dockerd
	start_dockerd "$D" && pass 'docker starts with the old file' || fail 'docker starts with the old file' "$(tail -n 3 "$D/dockerd.log")"

	# With features.cdi, and from a start: every dockerd takes the key, 25 and newer use it.
	configure --cdi >/dev/null 2>"$T/err"
	like 'CDI is set up at the start' 'takes effect with: systemctl restart docker' "$(cat "$T/err")"
	stop_dockerd
	start_dockerd "$D" && pass 'docker starts with runtime and CDI' || fail 'docker starts with runtime and CDI' "$(tail -n 3 "$D/dockerd.log")"
	info=$(curl -s --unix-socket "$D/docker.sock" http://localhost/info)
	if [ "$(jq -r '.ServerVersion | split(".")[0] | tonumber' <<<"$info")" -ge 25 ]; then
		like 'CDI is on' '/etc/cdi' "$(jq -c .CDISpecDirs <<<"$info")"
		check 'and check says so' check_it
	else
		out=$(check_it) && fail 'a docker too old for CDI is a problem' || like 'a docker too old for CDI' 'reads no CDI specs, though' "$out"
	fi
	stop_dockerd
}
world=v1
has_cgroup v1 && runtime_works runc v1 || world=v2
in_world "$world" with_docker
