#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A profile's settings as a container sees them: parts of the driver given and left out, the session's sockets and
# controllers, caches that stay, CPUs, nice value and scheduling policy; with every runtime and cgroup version.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt nvbind busybox jq runc nvbind-sim python3
[ -d /var/cache/nvbind ] || defer rm -rf /var/cache/nvbind

export ROOT=$T/root
make_glibc_root "$ROOT"
make_sim rtx4090x1 "$T/host"
export NVBIND_ROOT=$T/host
export XDG_CONFIG_HOME=$T/config
profiles=$T/config/nvbind/profiles.d
mkdir -p "$profiles"
export profiles
# profile NAME: from standard input.
profile() { cat >"$profiles/$1.toml"; }

# --- the driver ------------------------------------------------------------------------------------------------------

# What is there of these, as names separated by blanks.
# shellcheck disable=SC2016
parts='for f in /usr/lib/x86_64-linux-gnu/libnvidia-ngx.so.1 /usr/lib/x86_64-linux-gnu/nvidia/wine/nvngx.dll \
	/usr/lib/x86_64-linux-gnu/libnvidia-rtcore.so.* /usr/lib/x86_64-linux-gnu/libnvoptix.so.1 /usr/share/nvidia/nvoptix.bin \
	/usr/share/vulkan/icd.d/nvidia_icd.json /usr/share/glvnd/egl_vendor.d/10_nvidia.json \
	/usr/lib/i386-linux-gnu/libcuda.so.1; do [ -e "$f" ] && echo "${f##*/}"; done | sed "s/rtcore.so.*/rtcore/" | tr "\n" " "'
export parts
with() { # NAME, [driver] lines on standard input: the profile; prints the parts in its container
	{ echo 'capabilities = ["all"]'; echo '[driver]'; cat; } | profile "$1"
	inside --gpu 0 --profile "$1" -- "$parts"
}

driver() {
	local all='libnvidia-ngx.so.1 nvngx.dll libnvidia-rtcore libnvoptix.so.1 nvoptix.bin nvidia_icd.json 10_nvidia.json libcuda.so.1 '
	is "$WORLD: everything of the driver" "$all" "$(inside --gpu 0 --capabilities all -- "$parts")"
	is "$WORLD: dlss = false leaves NGX and its DLLs out" "${all#libnvidia-ngx.so.1 nvngx.dll }" "$(with nodlss <<<'dlss = false')"
	is "$WORLD: also where all capabilities are asked for" "${all#libnvidia-ngx.so.1 nvngx.dll }" \
		"$(inside --gpu 0 --profile nodlss --capabilities all -- "$parts")"
	is "$WORLD: ray-tracing = false leaves OptiX and the RT core out" \
		"${all/libnvidia-rtcore libnvoptix.so.1 nvoptix.bin /}" "$(with nort <<<'ray-tracing = false')"
	is "$WORLD: and tells vkd3d-proton" nodxr "$(inside --gpu 0 --profile nort -- 'echo $VKD3D_CONFIG')"
	is "$WORLD: vulkan = false" "${all/nvidia_icd.json /}" "$(with novk <<<'vulkan = false')"
	is "$WORLD: egl = false" "${all/10_nvidia.json /}" "$(with noegl <<<'egl = false')"
	is "$WORLD: libraries-32bit = false" "${all/libcuda.so.1 /}" "$(with no32 <<<'libraries-32bit = false')"
	printf '[driver]\ndlss = true\nlibraries-32bit = true\n' | profile only
	is "$WORLD: dlss = true brings NGX to what computes" 'libnvidia-ngx.so.1 nvngx.dll libcuda.so.1 ' \
		"$(inside --gpu 0 --profile only -- "$parts" | tr ' ' '\n' | grep -E 'ngx|libcuda' | tr '\n' ' ')"
	is "$WORLD: wine = true" '1 1 1 1' "$(with wine <<<'wine = true' >/dev/null; inside --gpu 0 --profile wine -- \
		'echo $DXVK_ENABLE_NVAPI $PROTON_ENABLE_NVAPI $WINEESYNC $WINEFSYNC')"
	is "$WORLD: training" 'expandable_segments:True expandable_segments:True PCI_BUS_ID 4294967296 8388608' \
		"$(inside --gpu 0 --profile training -- 'echo $PYTORCH_ALLOC_CONF $PYTORCH_CUDA_ALLOC_CONF $CUDA_DEVICE_ORDER $CUDA_CACHE_MAXSIZE $(df -k /dev/shm | tail -n 1 | while read -r _ size _; do echo $size; done)' 2>/dev/null | grep -v warning)"
	is "$WORLD: prime = true does nothing with one maker's GPUs" '' \
		"$(with prime <<<'prime = true' >/dev/null; inside --gpu 0 --profile prime -- 'env | grep -E "PRIME|optimus|GLX_VENDOR"')"
}

# --- CPUs ------------------------------------------------------------------------------------------------------------

# --- session ---------------------------------------------------------------------------------------------------------

# Sockets as a session has them, of nobody who answers; the number of a screen that nobody has.
screen=$((20000 + $$ % 20000))
session=$T/session
export screen session
mkdir -p "$session/pulse" /tmp/.X11-unix
sockets=("/tmp/.X11-unix/X$screen" "$session/wayland-7" "$session/pipewire-0" "$session/pulse/native")
defer rm -f "${sockets[0]}"
python3 -c 'import socket, sys
for path in sys.argv[1:]:
    socket.socket(socket.AF_UNIX).bind(path)' "${sockets[@]}"
echo cookie >"$session/Xauthority"
mkdir -p "$T/host/dev/input" "$T/host/run/udev/data"
defer rm -rf "$T/host/dev/input" "$T/host/run/udev" "$T/host/dev/uinput"
mknod "$T/host/dev/input/event7" c 13 250
mknod "$T/host/dev/input/event8" c 13 251
mknod "$T/host/dev/uinput" c 10 223
printf 'E:ID_INPUT=1\nE:ID_INPUT_JOYSTICK=1\n' >"$T/host/run/udev/data/c13:250"
printf 'E:ID_INPUT=1\nE:ID_INPUT_KEYBOARD=1\n' >"$T/host/run/udev/data/c13:251"
printf '[session]\ndisplay = true\naudio = true\ninput = "controllers"\n' | profile session
printf '[session]\ninput = "all"\n' | profile keys
printf '[cache]\nshaders = true\nshaders-size = "2GiB"\nkernels = true\n' | profile kept

# at PROFILE COMMAND: as somebody who sits before that screen.
at() {
	DISPLAY=:$screen WAYLAND_DISPLAY=wayland-7 XDG_RUNTIME_DIR=$session XAUTHORITY=$session/Xauthority \
		inside --gpu 0 --profile "$1" -- "$2"
}
# The node that a path is, outside and inside.
inode() { stat -c %i "$1"; }

sessions() {
	local text
	is "$WORLD: the X server's socket is the host's" "$(inode "/tmp/.X11-unix/X$screen")" "$(at session "stat -c %i /tmp/.X11-unix/X$screen")"
	is "$WORLD: with the right to use it" ":$screen cookie" "$(at session 'echo "$DISPLAY $(cat $XAUTHORITY)"')"
	is "$WORLD: the compositor's socket" "$(inode "$session/wayland-7")" "$(at session 'stat -c %i $XDG_RUNTIME_DIR/$WAYLAND_DISPLAY')"
	is "$WORLD: PipeWire's" "$(inode "$session/pipewire-0")" "$(at session 'stat -c %i $XDG_RUNTIME_DIR/pipewire-0')"
	is "$WORLD: PulseAudio's" "$(inode "$session/pulse/native")" "$(at session 'stat -c %i ${PULSE_SERVER#unix:}')"
	is "$WORLD: a game controller, no keyboard" event7 "$(at session 'ls /dev/input')"
	like "$WORLD: udev's word on it" JOYSTICK "$(at session 'cat /run/udev/data/c13:250')"
	unlike "$WORLD: which programs may open" 'ermission|permitted' "$(at session ': </dev/input/event7')"
	like "$WORLD: input = all" '^event7 event8 /dev/uinput $' "$(at keys 'ls /dev/input /dev/uinput | grep . | grep -v : | tr "\n" " "; echo' | sed 's|^/dev/uinput event7 event8|event7 event8 /dev/uinput|')"
	is "$WORLD: without a session nothing of it is there" no "$(unset DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR
		inside --gpu 0 --profile session -- '[ -e /tmp/.X11-unix ] && echo yes || echo no')"
	text=$(DISPLAY=remote:0 nvbind plan --gpu 0 --profile session --format json | jq -r '.warnings[]')
	like "$WORLD: a display over TCP is said to be none" "the display 'remote:0' is no socket of this host's" "$text"
}

caches() {
	mkdir -p /var/cache/nvbind "$T/cache"
	mount --bind "$T/cache" /var/cache/nvbind
	is "$WORLD: the driver is told where shaders are kept, and how many" '/var/cache/nvbind/shaders 1 2147483648 /var/cache/nvbind/kernels' \
		"$(inside --gpu 0 --profile kept -- 'echo $__GL_SHADER_DISK_CACHE_PATH $__GL_SHADER_DISK_CACHE_SKIP_CLEANUP $__GL_SHADER_DISK_CACHE_SIZE $CUDA_CACHE_PATH')"
	inside --gpu 0 --profile kept -- "echo $WORLD >/var/cache/nvbind/shaders/one"
	is "$WORLD: they outlive the container" "$WORLD" "$(inside --gpu 0 --profile kept -- 'cat /var/cache/nvbind/shaders/one')"
	is "$WORLD: the directory is nobody else's" 700 "$(stat -c %a "$T/cache/shaders")"
	rm -rf "$T/cache/shaders" "$T/cache/kernels"
	is "$WORLD: another user's program can write" 1000 "$(inside --gpu 0 --profile kept -u 1000 -- 'touch /var/cache/nvbind/shaders/mine && stat -c %u /var/cache/nvbind/shaders/mine')"
	umount /var/cache/nvbind
	rm -rf "$T/cache"
}

# --- CDI -------------------------------------------------------------------------------------------------------------

cdi() {
	local text spec=$T/cdi
	mkdir -p "$spec"
	text=$(nvbind cdi generate --output "$spec/" --profile ultra-low-latency 2>&1 >/dev/null)
	like "$WORLD: a CDI spec says what it cannot carry: knobs" 'cannot turn knobs \(power-limit: maximum\)' "$text"
	like "$WORLD: the nice value" 'cannot set a nice value \(-10\)' "$text"
	like "$WORLD: CPUs" 'cannot choose CPUs; .* --cpuset-cpus=' "$text"
	like "$WORLD: a session" 'display is left out: it is one user' "$text"
	is "$WORLD: and has a kind of its own" 'kind: nvidia.com/gpu-ultra-low-latency' "$(grep -h ^kind "$spec"/*)"
	unlike "$WORLD: DLSS is not in it" 'nvngx|nvidia-ngx\.so' "$(cat "$spec"/*)"
	rm -rf "$spec"
	mount -t tmpfs none /etc/cdi 2>/dev/null || { mkdir -p /etc/cdi && mount -t tmpfs none /etc/cdi; }
	check "$WORLD: cdi generate --output /etc/cdi/ --profile bolt-gaming" nvbind cdi generate --output /etc/cdi/ --profile bolt-gaming
	is "$WORLD: bolt surge run --cdi-device nvidia.com/gpu-bolt=all" 'nvidia0 1' \
		"$(surge --cdi-device nvidia.com/gpu-bolt=all "$ROOT" sh -c 'echo $(cd /dev; ls -d nvidia[0-9]) $DXVK_ENABLE_NVAPI' 2>&1)"
	umount /etc/cdi
}

last_cpu() { sed -n 's/^Cpus_allowed_list:.*[-,\t]\([0-9]*\)$/\1/p' /proc/self/status; }
scheduling() {
	local last text
	printf '[cpu]\nnice = 7\n' | profile nice
	is "$WORLD: nice" '7 7' "$(inside --gpu 0 --profile nice -- 'cut -d" " -f19 /proc/self/stat; cut -d" " -f19 /proc/1/stat' | tr '\n' ' ' | sed 's/ $//')"
	printf '[cpu]\nscheduler = "batch"\n' | profile batch
	is "$WORLD: scheduler" 3 "$(inside --gpu 0 --profile batch -- 'cut -d" " -f41 /proc/self/stat')"
	# A group without a real-time budget (cgroup v1) refuses it, which is said.
	printf '[cpu]\nscheduler = "fifo"\npriority = 5\n' | profile fifo
	like "$WORLD: a real-time policy is given, or said to be refused" '^5 1$|fifo: left out: scheduler: ' \
		"$(inside --gpu 0 --profile fifo -- 'cut -d" " -f40,41 /proc/self/stat')"
	is "$WORLD: a program that is held ends with its own status" 7 "$(status surge --gpu 0 --profile nice "$ROOT" sh -c 'exit 7')"
	is "$WORLD: one that is not there is still told" 127 "$(status surge --gpu 0 --profile nice "$ROOT" /no/program)"
	is "$WORLD: input and output stay" through "$(echo through | surge -i --gpu 0 --profile nice "$ROOT" cat)"
	# The GPU is near the last of our CPUs alone.
	last=$(last_cpu)
	printf '[cpu]\nnuma = true\n' | profile numa
	echo "$last" >"$T/host/sys/bus/pci/devices/0000:01:00.0/local_cpulist"
	is "$WORLD: numa" "$last" "$(inside --gpu 0 --profile numa -- 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status')"
	echo "4000-4001" >"$T/host/sys/bus/pci/devices/0000:01:00.0/local_cpulist"
	text=$(inside --gpu 0 --profile numa -- 'echo ran')
	like "$WORLD: CPUs that are not there are left out, and said" 'numa: left out: none of the CPUs 4000-4001' "$text"
	like "$WORLD: and the container runs" '^ran$' "$text"
}

all() {
	driver
	scheduling
	sessions
	caches
	cdi
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
rootless() {
	export NVBIND_ROOT=$T/host XDG_CONFIG_HOME=$T/config
	local text
	is "$WORLD: nice" 7 "$(inside --gpu 0 --profile nice -- 'cut -d" " -f19 /proc/self/stat')"
	text=$(inside --gpu 0 --profile hurry -- 'echo ran')
	like "$WORLD: what takes root is left out, and said" 'hurry: left out: nice: ' "$text"
	like "$WORLD: and the container runs" '^ran$' "$text"
	is "$WORLD: numa by affinity" "$(cat "$T/host/sys/bus/pci/devices/0000:01:00.0/local_cpulist")" \
		"$(inside --gpu 0 --profile numa -- 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status')"
}
each_world all
# Where another maker's GPU is as well.
make_sim laptop-hybrid "$T/hybrid"
like 'prime = true on a hybrid machine' '__NV_PRIME_RENDER_OFFLOAD=1' "$(NVBIND_ROOT=$T/hybrid nvbind plan --gpu 0 --profile prime)"
unlike 'and on no other' 'PRIME' "$(nvbind plan --gpu 0 --profile prime)"
last_cpu >"$T/host/sys/bus/pci/devices/0000:01:00.0/local_cpulist"
printf '[cpu]\nnice = -5\n' | profile hurry
chmod -R a+rX "$T/config"
each_user_world rootless
