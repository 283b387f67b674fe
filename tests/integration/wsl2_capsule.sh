#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A capsule on WSL2: what it finds inside, whom exclusive keeps out, what is refused.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox runc nvbind-sim

export ROOT=$T/root
make_glibc_root "$ROOT"
nvbind-sim create --scenario wsl2 "$T/host" >/dev/null
defer nvbind-sim destroy "$T/host"
export NVBIND_ROOT=$T/host
unset DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR PULSE_SERVER

world() {
	local text held
	text=$(inside --gpu 0 -- 'ls -l /dev/dxg; ls /dev | grep nvidia; nvidia-smi -L; ls /mnt || true')
	like "$WORLD: the device is there" '^crw.* /dev/dxg' "$text"
	unlike "$WORLD: and no other of the driver's" '^nvidia' "$text"
	like "$WORLD: Windows' nvidia-smi runs, without LD_LIBRARY_PATH" '^GPU 0: NVIDIA GeForce RTX 4080' "$text"
	unlike "$WORLD: nothing of WSLg without asking" wslg "$text"
	text=$(inside --gpu 0 --profile gaming -- \
		'ls -l /tmp/.X11-unix/X0 /mnt/wslg/runtime-dir/wayland-0 /mnt/wslg/PulseServer; env')
	is "$WORLD: a game has WSLg's sockets" 3 "$(grep -c '^s' <<<"$text")"
	for variable in DISPLAY=:0 WAYLAND_DISPLAY=wayland-0 XDG_RUNTIME_DIR=/mnt/wslg/runtime-dir GALLIUM_DRIVER=d3d12 \
		PULSE_SERVER=unix:/mnt/wslg/PulseServer MESA_D3D12_DEFAULT_ADAPTER_NAME=NVIDIA; do
		like "$WORLD: and $variable" "^$variable\$" "$text"
	done
	refuses "$WORLD: a part of a GPU" 125 'WSL2 has neither MIG nor MPS' \
		surge --gpu 0 --isolation virtual --gpu-memory-limit 8GB "$ROOT" true
	mkfifo "$T/hold"
	surge -i --name holder --gpu all --isolation exclusive "$ROOT" sh -c 'echo ready; read x' <"$T/hold" >"$T/held" 2>&1 &
	held=$!
	exec 9>"$T/hold"
	for _ in $(seq 200); do
		! grep -q ready "$T/held" || break
		sleep 0.05
	done
	refuses "$WORLD: exclusive holds the one device" 125 'held exclusively by bolt' surge --gpu 0 "$ROOT" true
	exec 9>&-
	wait "$held" || true
	rm "$T/hold"
	is "$WORLD: and gives it back" 0 "$(status surge --gpu 0 "$ROOT" true)"
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world world
