#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Knobs of a profile: turned for as long as a capsule runs, recorded before, put back by the last user, after a crash
# by the next command; refusals of cards are said and fail no capsule. On a simulated card alone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt nvbind busybox jq nvbind-sim runc python3

export ROOT=$T/root
make_busybox_root "$ROOT"
make_sim rtx4090x1 "$T/host"
export NVBIND_ROOT=$T/host
export XDG_CONFIG_HOME=$T/config
mkdir -p "$T/config/nvbind/profiles.d"
defer rm -rf "$T/host/var/lib/nvbind" "$T/host/run/nvbind" "$T/host/sys/devices/system/cpu/cpufreq"
records=$T/host/var/lib/nvbind/knobs
gpu=0000:01:00.0
export records gpu

# The host's CPUs, as /sys shows them.
for policy in policy0 policy1; do
	mkdir -p "$T/host/sys/devices/system/cpu/cpufreq/$policy"
	echo 'performance powersave' >"$T/host/sys/devices/system/cpu/cpufreq/$policy/scaling_available_governors"
	echo powersave >"$T/host/sys/devices/system/cpu/cpufreq/$policy/scaling_governor"
done
profile() { cat >"$T/config/nvbind/profiles.d/$1.toml"; }
profile full <<'E2'
[knobs]
power-limit = "maximum"
persistence = "on"
gpu-clocks = "1500-1800MHz"
cpu-governor = "performance"
E2
printf '[knobs]\npower-limit = "500W"\n' | profile five
printf '[knobs]\npower-limit = "80%%"\n' | profile less
printf '[knobs]\npower-limit = "900W"\n' | profile much
printf '[knobs]\ncompute-mode = "exclusive-process"\n' | profile alone

watts() { nvidia_smi power.limit | cut -d. -f1; }
nvidia_smi() { LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu "$T/host/usr/bin/nvidia-smi" --query-gpu="$1" --format=csv,noheader,nounits; }
set_watts() { # as an administrator does, by NVML
	LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu python3 -c "
import ctypes
nvml, gpu = ctypes.CDLL('libnvidia-ml.so.1'), ctypes.c_void_p()
nvml.nvmlInit_v2()
nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(gpu))
assert nvml.nvmlDeviceSetPowerManagementLimit(gpu, $1 * 1000) == 0"
}
governors() { cat "$T"/host/sys/devices/system/cpu/cpufreq/*/scaling_governor | tr '\n' ' '; }
knobs() { nvbind knob list --format json | jq -c "$1"; }
state() { echo "$(watts) $(nvidia_smi persistence_mode) $(governors)$(ls "$records" 2>/dev/null | grep -vxc lock)"; }

# begin NAME PROFILE [OPTION...]: a capsule that runs until end NAME.
begin() {
	local name=$1 profile=$2 i
	shift 2
	: >"$T/$name.out"
	bolt surge run --rm --runtime "$RUNTIME" --gpu 0 --profile "$profile" "$@" "$ROOT" sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done' \
		>"$T/$name.out" 2>"$T/$name.err" </dev/null &
	eval "pid_$name=$!"
	for ((i = 0; i < 500; i++)); do
		grep -q up "$T/$name.out" && return
		sleep 0.02
	done
	fail "$WORLD: $name did not start" "$(cat "$T/$name.err")"
}
end() {
	local pid=pid_$1
	kill -TERM "${!pid}" 2>/dev/null || true
	wait "${!pid}" 2>/dev/null || true
}

usual='450 Disabled powersave powersave 0'
export usual
one() {
	begin a full
	is "$WORLD: while it runs" '600 Enabled performance performance 4' "$(state)"
	is "$WORLD: the old value stands in the record" 450000 "$(sed -n 's/^old //p' "$records/$gpu-power-limit")"
	like "$WORLD: nvbind knob list says for whom" "GPU 0 +power-limit +450 W +600 W +bolt [0-9a-f]{12} +maximum" "$(nvbind knob list)"
	like "$WORLD: clocks are locked" '1[5-8]..' "$(nvidia_smi clocks.gr)"
	end a
	is "$WORLD: afterwards all is as it was" "$usual" "$(state)"
}

several() {
	begin a five
	is "$WORLD: one user" '500' "$(watts)"
	begin b full
	is "$WORLD: the stronger wish wins" '600' "$(watts)"
	begin c less
	is "$WORLD: a weaker one changes nothing" '600' "$(watts)"
	is "$WORLD: three users" 3 "$(knobs '.[] | select(.knob == "power-limit") | .users | length')"
	end b
	is "$WORLD: then the next one's" '500' "$(watts)"
	is "$WORLD: and nobody else's knobs" 1 "$(knobs length)"
	end a
	is "$WORLD: and the last one's" '360' "$(watts)"
	end c
	is "$WORLD: and at last what it was" "$usual" "$(state)"
}

refusals() {
	local text
	text=$(inside --gpu 0 --profile much -- 'echo ran')
	like "$WORLD: what the card does not take is said" 'power-limit 900W left out: .*the card takes 150 to 600 W' "$text"
	like "$WORLD: and the capsule runs" '^ran$' "$text"
	text=$(inside --gpu 0 --profile alone -- 'echo ran')
	like "$WORLD: a mode that locks others out takes exclusive isolation" 'compute-mode .* left out: .* shared' "$text"
	begin x alone --isolation exclusive
	is "$WORLD: with which it is given" Exclusive_Process "$(nvidia_smi compute_mode)"
	end x
	is "$WORLD: and put back" Default "$(nvidia_smi compute_mode)"
	nvbind-sim fail "$T/host" gpu 0 no-permission >/dev/null
	text=$(inside --gpu 0 --profile five -- 'echo ran')
	nvbind-sim fail "$T/host" gpu 0 none >/dev/null
	like "$WORLD: a card that refuses is reported, not pretended" 'power-limit 500W left out: .*no permission' "$text"
	like "$WORLD: and the capsule runs as well" '^ran$' "$text"
	is "$WORLD: nothing is owed" "$usual" "$(state)"
	begin a five
	set_watts 300
	end a
	is "$WORLD: what an administrator sets meanwhile stays" 300 "$(watts)"
	like "$WORLD: and is said" 'is 300 W now, which nobody of ours set' "$(cat "$T/a.err")"
	set_watts 450
}

# What it prints may come before its bolt has made it, in its own place, who uses the knobs.
user() { knobs '.[] | select(.knob == "power-limit") | .users[0].pid'; }
uses_itself() {
	local i
	for ((i = 0; i < 250; i++)); do
		[ "$(user)" = "$pid_a" ] || return 0
		sleep 0.02
	done
	return 1
}

crash() {
	local init
	begin a full
	check "$WORLD: the capsule's first process uses the knobs" uses_itself
	kill -KILL "$pid_a"
	init=$(user)
	wait "$pid_a" 2>/dev/null || true
	is "$WORLD: a killed bolt leaves the capsule its knobs" '600 Enabled performance performance 4' "$(state)"
	is "$WORLD: which live with it" true "$(knobs '.[] | select(.knob == "power-limit") | .users[0].alive')"
	nvbind knob restore >/dev/null
	is "$WORLD: so restore leaves them" 600 "$(watts)"
	kill -KILL "$init"
	while kill -0 "$init" 2>/dev/null; do sleep 0.02; done
	is "$WORLD: once it is gone, a capsule that starts puts them back" 450 "$(inside --gpu 0 -- 'true'; watts)"
	is "$WORLD: all of them" "$usual" "$(state)"
	# As after a boot: the record is another kernel's.
	begin a full
	check "$WORLD: and so again" uses_itself
	kill -KILL "$pid_a"
	init=$(user)
	sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' "$records"/*-*
	is "$WORLD: what another boot left is put back, whoever has the number now" '3 put back' "$(nvbind knob restore | sed 's/^4/3/')"
	is "$WORLD: what can be read" '450 Disabled powersave powersave 0' "$(state)"
	kill -KILL "$init"
}

# A capsule under a supervisor.
detached() {
	local i
	bolt surge run -d --runtime "$RUNTIME" --name away --gpu 0 --profile full "$ROOT" \
		sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done' >/dev/null
	is "$WORLD: a detached capsule has its knobs" '600 Enabled performance performance 4' "$(state)"
	bolt capsule restart away >/dev/null
	is "$WORLD: a restarted one, too" '600 Enabled performance performance 4' "$(state)"
	bolt capsule stop away >/dev/null
	for ((i = 0; i < 100; i++)); do [ "$(state)" = "$usual" ] || sleep 0.05; done
	is "$WORLD: once it has stopped, all is as it was" "$usual" "$(state)"
	bolt capsule rm away >/dev/null
}

# Killed at every moment at which something of a knob is written, read or asked, the old value is put back by the next.
steps() {
	local call n ran=0 bad=''
	command -v strace >/dev/null || { echo '# left out: needs strace' && return; }
	for call in fsync rename,renameat,renameat2 unlinkat sendto flock; do
		for ((n = 1; n <= 40; n++)); do
			timeout 30 strace -f -qq -o /dev/null -e trace="$call" -e "inject=$call:signal=SIGKILL:when=$n" \
				bolt surge run --rm --runtime "$RUNTIME" --gpu 0 --profile full "$ROOT" true >/dev/null 2>&1 && break
			ran=$((ran + 1))
			while nvbind knob list --format json | jq -e 'any(.[].users[]; .alive)' >/dev/null; do sleep 0.02; done
			nvbind knob restore >/dev/null 2>"$T/restore" || bad="$bad $call/$n:$(cat "$T/restore")"
			[ "$(state)" = "$usual" ] || bad="$bad $call/$n:$(state)"
		done
	done
	is "$WORLD: killed at any step, all is put back" '' "$bad"
	check "$WORLD: there were steps to be killed at" test "$ran" -ge 10
	echo "# $ran steps"
}

all() {
	[ "$RUNTIME" != crun ] || steps
	one
	several
	refusals
	crash
	detached
	inside -- true
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world all
