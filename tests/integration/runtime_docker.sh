#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime configure and check with a real dockerd: it reads what was written, at a reload already, and check says
# at every step what is the case.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need_root
need nvbind nvbind-runtime dockerd jq
R=$NVB_BUILD/bin/nvbind-runtime
export DOCKER_HOST=unix://$T/docker.sock

printf '{\n\t"log-driver": "local",\n\t"features": {"buildkit": true}\n}\n' >"$T/daemon.json"
cp "$T/daemon.json" "$T/before.json"
configure() { nvbind runtime configure --runtime docker --config "$T/daemon.json" --state-dir "$T/state" --runtime-path "$R" "$@"; }
check_it() { nvbind runtime check --runtime docker --config "$T/daemon.json" "$@"; }

out=$(check_it) && fail 'a docker that does not run is a problem' || like 'a docker that does not run' 'problem +docker does not run' "$out"

start_docker() {
	dockerd --config-file "$T/daemon.json" --iptables=false --bridge=none --host "$DOCKER_HOST" --data-root "$T/data" \
		--exec-root "$T/exec" --pidfile "$T/docker.pid" >"$T/docker.log" 2>&1 &
	docker_pid=$!
	for ((i = 0; i < 300; i++)); do
		! curl -sf --unix-socket "$T/docker.sock" http://localhost/_ping >/dev/null || return 0
		kill -0 "$docker_pid" 2>/dev/null || break
		sleep 0.1
	done
	return 1
}
stop_docker() {
	[ -n "${docker_pid-}" ] || return 0
	kill "$docker_pid" 2>/dev/null || true
	wait "$docker_pid" 2>/dev/null || true
	docker_pid=
}
defer stop_docker
start_docker || skip "dockerd does not run here: $(tail -n 1 "$T/docker.log")"

out=$(check_it) && fail 'not configured is a problem' || like 'not configured' "has no runtime 'nvbind' \(nvbind runtime configure --runtime docker\)" "$out"
configure --set-default >/dev/null 2>"$T/err"
like 'what makes it take effect is said' 'takes effect with: systemctl reload docker' "$(cat "$T/err")"
out=$(check_it) && fail 'configured, not yet reloaded' || like 'configured, not yet reloaded' "docker as it runs does not know 'nvbind' \(systemctl reload docker\)" "$out"

# What `systemctl reload docker` does.
kill -HUP "$docker_pid"
for ((i = 0; i < 100; i++)); do
	! check_it >/dev/null || break
	sleep 0.1
done
out=$(check_it) && pass 'after the reload all is good' || fail 'after the reload all is good' "$out" "$(tail -n 3 "$T/docker.log")"
like 'docker calls ours' "docker as it runs calls $R" "$out"
like 'and for containers that name none' 'containers that name no runtime get nvbind' "$out"
is 'as JSON' 'docker true 0' "$(check_it --format json | jq -r '.[] | "\(.engine) \(.good) \([.findings[] | select(.status == "problem")] | length)"')"
info=$(curl -s --unix-socket "$T/docker.sock" http://localhost/info)
is 'docker itself says so' "nvbind $R" "$(jq -r '"\(.DefaultRuntime) \(.Runtimes.nvbind.path)"' <<<"$info")"
is 'its other settings are in force' local "$(jq -r .LoggingDriver <<<"$info")"

mv "$T/daemon.json" "$T/kept.json"
sed "s|$R|$T/gone|" "$T/kept.json" >"$T/daemon.json"
out=$(check_it) && fail 'a runtime that is not there is a problem' || like 'a runtime that is not there' "$T/gone, and it is not there" "$out"
mv "$T/kept.json" "$T/daemon.json"

configure --undo >/dev/null 2>&1
same_file 'undone' "$T/before.json" "$T/daemon.json"
stop_docker
start_docker && pass 'docker starts with the old file' || fail 'docker starts with the old file' "$(tail -n 3 "$T/docker.log")"

# With features.cdi, and from a start: every dockerd takes the key, 25 and newer use it.
configure --cdi >/dev/null 2>"$T/err"
like 'CDI is set up at the start' 'takes effect with: systemctl restart docker' "$(cat "$T/err")"
stop_docker
start_docker && pass 'docker starts with runtime and CDI' || fail 'docker starts with runtime and CDI' "$(tail -n 3 "$T/docker.log")"
info=$(curl -s --unix-socket "$T/docker.sock" http://localhost/info)
if [ "$(jq -r '.ServerVersion | split(".")[0] | tonumber' <<<"$info")" -ge 25 ]; then
	like 'CDI is on' '/etc/cdi' "$(jq -c .CDISpecDirs <<<"$info")"
	check 'and check says so' check_it
else
	out=$(check_it) && fail 'a docker too old for CDI is a problem' || like 'a docker too old for CDI' 'reads no CDI specs, though' "$out"
fi
