#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# WSL2: what comes through /dev/dxg, WSLg's screen and sound, Mesa's variables, and what cannot be had there.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim
nvbind-sim create --scenario wsl2 "$T/one" >/dev/null
defer nvbind-sim destroy "$T/one"
nvbind-sim create --scenario wsl2 --gpus 2 "$T/two" >/dev/null
defer nvbind-sim destroy "$T/two"
unset DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR PULSE_SERVER

one() { nvbind --root "$T/one" "$@"; }
two() { nvbind --root "$T/two" "$@"; }

# --- one GPU of one is all of them ------------------------------------------------------------------------------------
all=$(one plan --gpu all)
like 'the device is dxg' '/dev/dxg \(rw\) +required' "$all"
unlike 'no node per GPU' '/dev/nvidia' "$all"
like "Microsoft's library is there" '/usr/lib/wsl/lib/libdxcore.so' "$all"
like 'the driver store is there' '/usr/lib/wsl/drivers/nv_dispi[^ ]*/libcuda.so.1.1' "$all"
like 'the linker finds them' 'ldcache .* /usr/lib/wsl/lib ' "$all"
for gpu in 0 "$(one info --nvml --json | grep -o 'GPU-[0-9a-f-]*' | head -1)"; do
	is "GPU $gpu of one is all" "$(sed 1,2d <<<"$all")" "$(one plan --gpu "$gpu" | sed 1,2d)"
done
refuses 'a GPU that is not there' 1 'there is no GPU 1: this host has one' one plan --gpu 1
refuses 'one of two' 1 'GPU 1 cannot be given alone: WSL2 has one device, /dev/dxg, for all GPUs \(ask for all\)' two plan --gpu 1
like 'all of two' '/dev/dxg' "$(two plan --gpu all)"

# --- screen, sound, Mesa ----------------------------------------------------------------------------------------------
plan=$(one plan --gpu all --profile gaming 2>/dev/null)
for what in '/tmp/.X11-unix/X0' 'DISPLAY=:0' '/mnt/wslg/runtime-dir/wayland-0' 'WAYLAND_DISPLAY=wayland-0' \
	'XDG_RUNTIME_DIR=/mnt/wslg/runtime-dir' '/mnt/wslg/PulseServer' 'PULSE_SERVER=unix:/mnt/wslg/PulseServer' \
	'GALLIUM_DRIVER=d3d12' 'MESA_D3D12_DEFAULT_ADAPTER_NAME=NVIDIA' '/usr/lib/wsl/lib/libd3d12.so'; do
	like "gaming: $what" "$what( |$)" "$plan"
done
like "gaming: Mesa's shaders are kept" 'MESA_SHADER_CACHE_DIR=/var/cache/nvbind/shaders' "$plan"
unlike 'gaming: no variable that only NVIDIA reads' '__GL_SHADER' "$plan"
unlike 'compute alone: no Mesa' 'GALLIUM_DRIVER|wslg' "$(one plan --gpu all --capabilities compute)"
rm "$T/one/mnt/wslg/PulseServer"
unlike 'what WSLg lacks is left out' 'PULSE_SERVER' "$(one plan --gpu all --profile gaming 2>/dev/null)"
one cdi generate --profile bolt-gaming >"$T/spec.yaml" 2>/dev/null
like 'a spec has them, too' 'containerPath: /mnt/wslg/runtime-dir/wayland-0' "$(cat "$T/spec.yaml")"
check 'and is one' nvbind cdi validate "$T/spec.yaml"

# --- what there is not ------------------------------------------------------------------------------------------------
refuses 'MIG' 1 'MIG cannot be used on WSL2' one mig list
refuses 'a MIG device' 1 'MIG device 0:0 cannot be given' one plan --gpu 0:0
refuses 'a part of a GPU' 1 'WSL2 has neither MIG nor MPS' one plan --gpu all --isolation virtual --gpu-memory-limit 8GB
like 'a limit that nobody keeps says so' 'memory, asked .* nobody +WSL2 has no MPS' \
	"$(one plan --gpu all --gpu-memory-limit 8GB 2>/dev/null)"
