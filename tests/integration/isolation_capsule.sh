#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Isolation of detached capsules: what inspect says of it, what a killed supervisor, a dead daemon and a dead capsule
# change.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/surge.sh
. "$(dirname "$0")/surge.sh"
need_root
need bolt nvbind jq nvbind-sim
export toy=$NVB_BUILD/tests/integration/cuda-toy T

make_sim h200x8 "$T/host" --gpus 4
export NVBIND_ROOT=$T/host
make_glibc_root "$T/base"
chmod 711 "$T"
export grants=$T/host/run/nvbind/grants
# What a failure leaves behind.
end_daemons() {
	local p
	for p in $(grep -lz "^CUDA_MPS_PIPE_DIRECTORY=$grants/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
		kill -KILL "$p" 2>/dev/null || true
	done
}
defer end_daemons
nvbind mig apply --no-refresh - >/dev/null 2>&1 <<'END'
version: v1
mig-configs:
  some:
  - {devices: [1], mig-enabled: true, mig-devices: {}}
END

granted() { [ ! -d "$grants" ] || ls "$grants"; }
profiles() { nvbind mig list --gpu 1 --format json | jq -r '[.[0].devices[].profile] | join(" ")'; }
until_is() { # WANTED COMMAND...
	local want=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		[ "$("$@")" != "$want" ] || return 0
		sleep 0.05
	done
	echo "still '$("$@")'" >&2
	return 1
}
create() { # NAME ARGUMENT...
	bolt capsule create "$1" --image "$T/base" --stop-signal KILL -v "$toy:/toy:ro" "${@:2}" -- sleep 1000 >/dev/null
	bolt capsule start "$1" >/dev/null
}
about() { bolt capsule inspect "$1" | jq -cr ".[0].isolation | $2"; }
export limits='.mode + " " + .lease + ": " + ([.limits[] | "\(.of) \(.enforced_by) \(.by)"] | join(", "))'

body() {
	# MPS.
	create limited --gpu 2 --gpu-memory-limit 4GiB --gpu-compute-limit 80%
	is 'inspect says what was granted and by whom' 'shared shared: memory driver MPS, compute driver MPS' \
		"$(about limited "$limits")"
	is 'what was asked, and what it came to' '4294967296 4294967296 80 80' \
		"$(about limited '"\(.limits[0].asked_bytes) \(.limits[0].granted_bytes) \(.limits[1].asked_percent) \(.limits[1].granted_percent)"' | sed 's/80.0/80/g')"
	is 'the daemon answers' true "$(about limited .mps.answers)"
	is 'and keeps them inside' '3 GiB' "$(bolt capsule exec limited /toy fill 0)"

	# A daemon that dies is noticed.
	kill -KILL "$(sed -n 's/^daemon \([0-9]*\) .*/\1/p' "$grants/$(granted)/record")"
	until_is 1 eval 'bolt capsule logs limited 2>&1 | grep -c "MPS daemon that keeps the limits of its GPUs has died"' ||
		fail 'the log says that it died' "$(bolt capsule logs limited 2>&1)"
	is 'inspect says that it does not answer' false "$(about limited .mps.answers)"
	like 'and what that means' 'programs that it starts now run without them' "$(about limited .mps.problem)"
	bolt capsule restart limited >/dev/null
	is 'a restart brings a new one' '3 GiB' "$(bolt capsule exec limited /toy fill 0)"
	is 'and takes the old one away' 1 "$(granted | wc -l)"
	bolt capsule stop limited >/dev/null
	until_is '' granted || fail 'it goes with the capsule' "$(granted)"
	is 'who does not run holds nothing' null "$(bolt capsule inspect limited | jq -c '.[0].isolation')"
	bolt capsule rm limited >/dev/null

	# A process of a capsule on a GPU is the capsule's in its figures; another capsule's is not.
	create idle --gpu 0
	bolt capsule create busy --image "$T/base" -i -v "$toy:/toy:ro" --gpu 0 -- sh -c 'sleep 1000 | /toy hold 0 3000' >/dev/null
	bolt capsule start busy >/dev/null
	until_is ready bolt capsule logs busy || fail 'it holds memory' "$(bolt capsule logs busy 2>&1)"
	bolt capsule stats --no-stream --format json >"$T/stats"
	is 'stats counts the GPU that is used' 1 "$(jq '.[] | select(.name == "busy") | .gpus' "$T/stats")"
	check 'and its memory, what the context needs included' \
		jq -e '.[] | select(.name == "busy") | .gpu_memory_bytes >= 3000 * 1048576 and .gpu_memory_bytes < 4000 * 1048576' "$T/stats"
	is 'of one without such a process none' '0 0' "$(jq -r '.[] | select(.name == "idle") | "\(.gpus) \(.gpu_memory_bytes)"' "$T/stats")"
	like 'as a table' 'busy .* 1 +3[.0-9]+ GiB' "$(bolt capsule stats --no-stream busy)"
	bolt capsule rm -f busy idle >/dev/null

	# Another daemon in the place of it, which the capsule may put there, is not taken for it.
	cp "$T/host/usr/bin/nvidia-cuda-mps-control" "$T/base/mps"
	create forged --gpu 2 --gpu-memory-limit 4GiB
	is 'the daemon answers again' true "$(about forged .mps.answers)"
	bolt capsule exec forged sh -c 'mkdir /fake; CUDA_MPS_PIPE_DIRECTORY=/fake CUDA_MPS_LOG_DIRECTORY=/fake /mps -d' >/dev/null
	bolt capsule exec forged sh -c 'cd /tmp/nvidia-mps && rm control && ln -s /fake/control control'
	is 'a link to another one is not it' false "$(about forged .mps.answers)"
	bolt capsule exec forged sh -c 'cd /tmp/nvidia-mps && rm control nvidia-cuda-mps-control.pid && CUDA_MPS_PIPE_DIRECTORY=/tmp/nvidia-mps CUDA_MPS_LOG_DIRECTORY=/fake /mps -d' >/dev/null 2>&1 || true
	is 'nor another one in its place' false "$(about forged .mps.answers)"
	like 'and that is told' 'not who listens where its programs look' "$(about forged .mps.problem)"
	bolt capsule rm -f forged >/dev/null
	until_is '' granted || fail 'it goes all the same' "$(granted)"

	# MIG.
	create part --gpu 1 --isolation virtual --gpu-memory-limit 10GB
	is 'a MIG device is made' 1g.18gb "$(profiles)"
	is 'inspect says whose it is' 'virtual exclusive: memory hardware MIG 1g.18gb, compute hardware MIG 1g.18gb' \
		"$(about part "$limits")"
	bolt capsule stop part >/dev/null
	until_is '' profiles || fail 'it goes with the capsule' "$(profiles)"
	bolt capsule start part >/dev/null
	is 'and comes with the next start' 1g.18gb "$(profiles)"
	bolt capsule rm -f part >/dev/null
	until_is '' profiles || fail 'also when that is removed by force' "$(profiles)"

	# Exclusive, and a killed supervisor.
	create alone --gpu 3 --isolation exclusive --gpu-memory-limit 4GiB
	id=$(bolt capsule inspect alone | jq -r '.[0].id')
	init=$(bolt capsule inspect alone | jq -r '.[0].pid')
	pid=$(sed -n 's/^pid //p' "/run/bolt/capsules/$id/record")
	kill -KILL "$pid"
	refuses 'a killed supervisor frees nothing' 125 "GPU 3 .* is held exclusively by bolt container ${id:0:12}" \
		bolt surge run --rm --gpu 3 "$T/base" true
	is 'its limits hold on' '3 GiB' "$(bolt capsule exec alone /toy fill 0)"
	is 'and its daemon answers' true "$(about alone .mps.answers)"
	kill -KILL "$init"
	# Dead, not only told to die.
	for ((i = 0; i < 500; i++)); do grep -q '^State:.[A-Y]' "/proc/$init/status" 2>/dev/null || break; sleep 0.01; done
	check 'a dead capsule frees it at once' bolt surge run --rm --gpu 3 --isolation exclusive "$T/base" true
	until_is '' granted || fail 'what it was granted is taken back' "$(granted)"
	bolt capsule rm -f alone >/dev/null

	# Nobody enforces.
	mv "$T/host/usr/bin/nvidia-cuda-mps-control" "$T/away"
	create free --gpu 3 --isolation exclusive --gpu-memory-limit 8GB 2>"$T/warned"
	like 'a limit nobody keeps is warned about' 'nobody enforces it: there is no MPS here' "$(cat "$T/warned")"
	is 'and said by inspect' 'exclusive exclusive: memory nobody null' "$(about free "$limits")"
	refuses 'virtual is refused at the start' 125 'isolation virtual: no part of GPU 2 can be had' \
		create none --gpu 2 --isolation virtual --gpu-memory-limit 8GB
	bolt capsule rm -f free none >/dev/null
	until_is '' granted || fail 'nothing stays' "$(granted)"
}
export -f granted profiles until_is create about body 2>/dev/null || true
own_state body
