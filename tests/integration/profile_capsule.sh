#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A profile's settings as a container sees them: parts of the driver given and left out, the session's sockets and
# controllers, caches that stay, CPUs, nice value and scheduling policy; with every runtime and cgroup version.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc nvbind-sim python3

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
	is "$WORLD: prime = true does nothing with one maker's GPUs" '' \
		"$(with prime <<<'prime = true' >/dev/null; inside --gpu 0 --profile prime -- 'env | grep -E "PRIME|optimus|GLX_VENDOR"')"
}

# --- CPUs ------------------------------------------------------------------------------------------------------------

last_cpu() { sed -n 's/^Cpus_allowed_list:.*[-,\t]\([0-9]*\)$/\1/p' /proc/self/status; }
scheduling() {
	local last text
	printf '[cpu]\nnice = 7\n' | profile nice
	is "$WORLD: nice" '7 7' "$(inside --gpu 0 --profile nice -- 'cut -d" " -f19 /proc/self/stat; cut -d" " -f19 /proc/1/stat' | tr '\n' ' ' | sed 's/ $//')"
	printf '[cpu]\nscheduler = "batch"\n' | profile batch
	is "$WORLD: scheduler" 3 "$(inside --gpu 0 --profile batch -- 'cut -d" " -f41 /proc/self/stat')"
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
last_cpu >"$T/host/sys/bus/pci/devices/0000:01:00.0/local_cpulist"
printf '[cpu]\nnice = -5\n' | profile hurry
chmod -R a+rX "$T/config"
each_user_world rootless
