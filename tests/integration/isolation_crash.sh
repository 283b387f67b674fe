#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bolt killed at any moment of a start with MPS or a MIG device made for it: the next command takes all of it back.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/surge.sh
. "$(dirname "$0")/surge.sh"
need_root
need bolt nvbind jq nvbind-sim
export T

make_sim h200x8 "$T/host" --gpus 2
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
daemons() { grep -lz "^CUDA_MPS_PIPE_DIRECTORY=$grants/" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
clean() { [ "$(granted)$(profiles)$(daemons)$(nvbind info --leases)" = "0Nobody holds a GPU" ]; }

# killed MILLISECONDS ARGUMENT...: a start, killed that much later; what is left after some further commands.
killed() {
	local i
	setsid bolt surge run --rm "${@:2}" "$T/base" sleep 1000 >/dev/null 2>&1 &
	sleep "$(printf '0.%03d' "$1")"
	kill -KILL $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	# One ends the container that was left, the next finds its lease dead.
	for ((i = 0; i < 20; i++)); do
		bolt surge run --rm --gpu 0 "$T/base" true || true
		! clean || return 0
	done
	echo "killed after $1 ms: grants '$(granted)', MIG '$(profiles)', daemons $(daemons), $(nvbind info --leases)" >&2
	return 1
}

body() {
	local ms bad=0
	for ms in 2 5 8 12 16 20 25 30 36 44 55 70 90; do
		killed "$ms" --gpu 0 --gpu-memory-limit 4GiB || bad=$((bad + 1))
	done
	is 'with MPS nothing stays' 0 "$bad"
	bad=0
	for ms in 5 15 25 35 45 60 80 110; do
		killed "$ms" --gpu 1 --isolation virtual --gpu-memory-limit 10GB || bad=$((bad + 1))
	done
	is 'with a MIG device nothing stays' 0 "$bad"
	check 'limits still work' bolt surge run --rm --gpu 0 --gpu-memory-limit 4GiB "$T/base" true
	check 'so do parts' bolt surge run --rm --gpu 1 --isolation virtual --gpu-memory-limit 10GB "$T/base" true
	check 'and all can be had' bolt surge run --rm --gpu 0 --isolation exclusive "$T/base" true
}
own_state body
