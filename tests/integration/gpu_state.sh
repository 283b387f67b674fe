#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The GPU half of a snapshot on simulated drivers: a program that counts in device memory loses nothing, every step
# is needed, and what cannot be saved is refused with the program running on.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim nvbind
export programs=$NVB_BUILD/tests/integration root=

make_sim h200x8 "$T/host"
state() { timeout 60 nvbind --root "$root" gpu-state "$@"; }
all() { timeout 60 "$programs/gpu-state" "$root" "$@"; }
libraries() { echo "$root/usr/lib/x86_64-linux-gnu"; }
smi() { LD_LIBRARY_PATH=$(libraries) "$root/usr/bin/nvidia-smi" "$@"; }
used() { smi -i "$1" --query-gpu=memory.used --format=csv,noheader,nounits; }
status() { state status --format json "$1" | jq -r '.[0].state'; }
started=()
end_all() { [ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null || true; }
defer end_all
count() { sed 's/^0*//; s/ .*//' "$1"; }
uuid() { cut -d' ' -f2 "$1"; }
# start NAME ARGUMENT...: a program that counts into $T/NAME; its pid is in $pid.
start() {
	local file=$T/$1 i
	shift
	LD_LIBRARY_PATH=$(libraries) "$programs/gpu-counter" "$file" "$@" 2>"$file.error" &
	pid=$!
	started+=("$pid")
	for ((i = 0; i < 250; i++)); do
		[ ! -s "$file" ] || return 0
		sleep 0.02
	done
	cat "$file.error" >&2
	return 1
}
# It goes on from where it was: counts further, and less than if it had begun anew... never backwards.
goes_on() {
	local file=$T/$1 before i
	before=$(count "$file")
	for ((i = 0; i < 250; i++)); do
		[ "$(count "$file")" -le "$before" ] || return 0
		sleep 0.02
	done
	cat "$file.error"
	return 1
}
stands() {
	local before
	before=$(count "$T/$1")
	sleep 0.3
	[ "$(count "$T/$1")" = "$before" ]
}
sockets() { find "/proc/$1/fd" -lname 'socket:*' | wc -l; }

# --- who has libcuda -------------------------------------------------------------------------------------------------

# The library's callers may have threads: what they fork becomes the installed program. Whatever is there is covered.
executes_helper() {
	local directory there
	directory=$(sed -n 's/^#define NVB_LIBEXECDIR "\(.*\)"/\1/p' "$NVB_BUILD/config.h")
	there=$directory
	while [ ! -d "$there" ]; do there=${there%/*}; done
	mount -t tmpfs none "$there"
	mkdir -p "$directory"
	printf '#!/bin/sh\necho "$1" >%q\nexec %q "$@"\n' "$T/executed" "$NVB_BUILD/tools/nvbind-cuda" >"$directory/nvbind-cuda"
	chmod 755 "$directory/nvbind-cuda"
	"$@"
}

# --- one program, step by step ---------------------------------------------------------------------------------------
root=$T/host
start a 1 64
a=$pid
is 'it runs' running "$(status "$a")"
is 'a shell is no CUDA process' none "$(status $$)"
check 'nothing is against it' state check "$a"
is 'a check says nothing then' '' "$(state check "$a")"
for step in checkpoint restore unlock; do
	refuses "no $step of a program that runs" 1 'not in the state' state "$step" "$a"
done
check 'lock' state lock "$a"
is 'it is locked' locked "$(status "$a")"
check 'its calls wait' stands a
check 'the device is still open' test "$(sockets "$a")" -gt 0
check 'its memory is still on the GPU' test "$(used 1)" -ge 320
for step in lock restore; do
	refuses "no $step of a locked one" 1 'not in the state' state "$step" "$a"
done
check 'checkpoint' state checkpoint "$a"
is 'it is checkpointed' checkpointed "$(status "$a")"
is 'the device is closed' 0 "$(sockets "$a")"
is 'the GPU is free' 0 "$(used 1)"
check 'the memory is in the process' test "$(awk '/VmRSS/ {print $2}' "/proc/$a/status")" -ge 32768
unlike 'nothing of the machine is mapped but its library' 'simstate|nvidia-memory' "$(cat "/proc/$a/maps")"
for step in lock checkpoint unlock; do
	refuses "no $step of a checkpointed one" 1 'not in the state' state "$step" "$a"
done
check 'and it stands' stands a
check 'restore' state restore "$a"
is 'it is locked again' locked "$(status "$a")"
check 'so it stands still' stands a
check 'the memory is on the GPU' test "$(used 1)" -ge 320
check 'unlock' state unlock "$a"
check 'it counts on' goes_on a
like 'a table for people' "$a +running +[0-9]+" "$(state status "$a")"

before=$(count "$T/a")
for ((i = 0; i < 25; i++)); do
	all capture "$a" >/dev/null && all restore "$a" || break
done
is '25 times captured and restored' 25 "$i"
check 'nothing was lost' goes_on a
check 'and the count went on' test "$(count "$T/a")" -gt "$before"

# --- time and freedom to run -----------------------------------------------------------------------------------------
kill -STOP "$a"
refuses 'a stopped process is refused' 1 'stopped or frozen' state lock "$a"
like 'the check says so beforehand' 'stopped or frozen' "$(state check "$a" || true)"
is 'and the driver cannot without its thread' CUDA_ERROR_NOT_READY \
	"$(LD_LIBRARY_PATH=$(libraries) timeout 20 "$programs/cuda-toy" lock "$a" 200)"
kill -CONT "$a"
check 'what was asked in vain does not lock it later' goes_on a
is 'it runs' running "$(status "$a")"
start busy 1 8 busy 3000
refuses 'work on the GPU that does not end in time' 1 'in time' state lock --timeout 200ms "$pid"
is 'leaves it running' running "$(status "$pid")"
kill -9 "$pid"

# --- what cannot be saved --------------------------------------------------------------------------------------------
start managed 2 8 managed
check 'managed memory can be locked' state lock "$pid"
refuses 'and not be checkpointed' 1 'managed memory' state checkpoint "$pid"
check 'it runs on' state unlock "$pid"
refuses 'with it nothing is captured' 1 'processes run on.*managed memory' all capture "$a" "$pid"
is 'the other runs' running "$(status "$a")"
check 'and counts' goes_on a
check 'both do' goes_on managed
refuses 'both or none by the command, too' 1 'managed memory' bash -c \
	"nvbind --root '$root' gpu-state lock $a $pid && nvbind --root '$root' gpu-state checkpoint $a $pid"
is 'what was checkpointed before is back' locked "$(status "$a")"
check 'unlock' state unlock "$a" "$pid"
check 'it counts on' goes_on a
kill -9 "$pid"
kept=/dev/nvidia-nvb-test-$$
: >"$kept"
defer rm -f "$kept"
start keeps 2 8 keep "$kept"
refuses 'something of the driver is left open' 1 "processes run on.*still has $kept" all capture "$pid"
check 'it runs on' goes_on keeps
kill -9 "$pid"
start lost 3 8
check 'locked in time' state lock "$pid"
nvbind-sim fail "$root" gpu 3 ecc
refuses 'a GPU with a fault' 1 'ECC_UNCORRECTABLE' state checkpoint "$pid"
is 'what was on it is lost: the driver reports it failed' failed "$(status "$pid")"
refuses 'which every later step says' 1 "process $pid: the driver reports it failed" all capture "$a" "$pid"
check 'the other runs on' goes_on a
nvbind-sim fail "$root" gpu 3 none
kill -9 "$pid"

# A GPU that was given away meanwhile.
check 'captured' in_mount_namespace executes_helper all capture "$a"
is 'by the installed program' "$(libraries)/libcuda.so" "$(sed 's/[.][0-9.]*$//' "$T/executed")"
mkfifo "$T/in"
# All of it but 100 MiB; a context takes 256.
size=$(LD_LIBRARY_PATH=$(libraries) "$programs/cuda-toy" list | awk '$1 == 1 {print int($3 / 1048576) - 356}')
exec 8<>"$T/in"
LD_LIBRARY_PATH=$(libraries) "$programs/cuda-toy" hold 1 "$size" <&8 >"$T/holder" &
holder=$!
started+=("$holder")
for ((i = 0; i < 250; i++)); do [ ! -s "$T/holder" ] || break; sleep 0.02; done
refuses 'no room on the GPU' 1 'tried again.*not enough memory' all restore "$a"
is 'it can still be restored' checkpointed "$(status "$a")"
kill -9 "$holder"
wait "$holder" 2>/dev/null || true
for ((i = 0; i < 250; i++)); do [ "$(used 1)" != 0 ] || break; sleep 0.02; done
check 'once there is' all restore "$a"
check 'it counts on' goes_on a

# --- another GPU -----------------------------------------------------------------------------------------------------
g() { smi -L | grep -o 'GPU-[0-9a-f-]*' | sed -n "$(($1 + 1))p"; }
check 'captured' all capture "$a"
refuses 'driver 570 changes no GPUs' 1 'a driver too old' state restore --gpu-map "$(g 1)=$(g 4)" "$a"
is 'it can still be restored' checkpointed "$(status "$a")"
check 'on its own' all restore "$a"
kill -9 "$a"

sed 's/^driver = .*/driver = "580.65.06"/; s/^cuda = .*/cuda = "13.0"/
	1,/^\[\[gpu\]\]/!{/^\[\[gpu\]\]/,$s/A100-SXM4-80GB/A100-SXM4-80GB-OTHER/}' \
	"$NVB_SOURCE/sim/scenarios/a100x8-mig.toml" >"$T/a100.toml"
make_sim "$T/a100.toml" "$T/a100"
root=$T/a100
names=$(LD_LIBRARY_PATH=$(libraries) "$programs/cuda-toy" list)
whole=$(awk '{print $2}' <<<"$names")
first=GPU-$(sed -n 1p <<<"$whole")
second=GPU-$(sed -n 2p <<<"$whole")
other=$(smi -L | grep -v OTHER | grep -o 'GPU-[0-9a-f-]*' | head -1)
start moved 0 32
m=$pid
is 'it is on the first' "${first//-/}" "GPU$(uuid "$T/moved")"
check 'captured' all capture "$m"
refuses 'a chip that differs' 1 'another chip' state restore --gpu-map "$first=$other" "$m"
refuses 'a GPU that is not there' 1 'is not here' state restore \
	--gpu-map "$first=GPU-00000000-0000-0000-0000-000000000001" "$m"
refuses 'pairs without its GPU' 1 'do not match' state restore --gpu-map "$second=$first" "$m"
check 'another of the same chip' all restore "$m" "$first=$second"
check 'it counts on' goes_on moved
is 'on that GPU' "${second//-/}" "GPU$(uuid "$T/moved")"
kill -9 "$m"

# --- MIG, MPS, old drivers -------------------------------------------------------------------------------------------
mig=$(smi -L | grep -o 'MIG-[0-9a-f-]*' | head -1)
if [ -n "$mig" ]; then
	export CUDA_VISIBLE_DEVICES=$mig
	start mig 0 8
	unset CUDA_VISIBLE_DEVICES
	like 'a MIG device is seen beforehand' 'MIG device' "$(state check "$pid" || true)"
	refuses 'and refused' 1 'MIG' all capture "$pid"
	check 'it runs on' goes_on mig
	kill -9 "$pid"
else
	fail 'the scenario has MIG devices'
fi
root=$T/host
mkdir "$T/logs"
chmod 755 "$T"
mps_control() {
	CUDA_MPS_PIPE_DIRECTORY=$T/pipes CUDA_MPS_LOG_DIRECTORY=$T/logs LD_LIBRARY_PATH=$(root=$T/host libraries) \
		"$T/host/usr/bin/nvidia-cuda-mps-control" "$@"
}
end_mps() { echo quit | mps_control >/dev/null 2>&1 || true; }
defer end_mps
mps_control -d
export CUDA_MPS_PIPE_DIRECTORY=$T/pipes CUDA_MPS_LOG_DIRECTORY=$T/logs
start mps 0 8
like 'a client of MPS is seen beforehand' 'client of MPS' "$(state check "$pid" || true)"
refuses 'and refused' 1 'MPS' all capture "$pid"
check 'it runs on' goes_on mps
kill -9 "$pid"
end_mps
unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
make_sim t4x1 "$T/t4"
root=$T/t4
refuses 'driver 550' 1 'driver 550.* began with 570' state status $$
like 'which the check says as well' 'driver 550' "$(state check $$ || true)"

# --- the command line ------------------------------------------------------------------------------------------------
root=$T/host
refuses 'no process' 2 'no process is named' state lock
refuses 'a word for a pid' 2 "'x1' is no process id" state lock x1
refuses 'a pid that is none' 2 "'0' is no process id" state status 0
refuses 'a process that is not there' 1 'no such process' state lock 2147483647
refuses 'a map that is none' 2 'OLD=NEW' state restore --gpu-map GPU-1 1
refuses 'a map of words' 1 'no UUID' state restore --gpu-map a=b $$
refuses 'a cgroup that is not there' 1 'nvb-no-such' state status --cgroup /sys/fs/cgroup/nvb-no-such
refuses 'a time that is none' 2 'timeout' state lock --timeout 5 $$
refuses 'a format that is none' 2 'format' state status --format xml $$
refuses 'a step that is none' 2 "freeze" state freeze $$
refuses 'one of several that is not there' 1 'no such process' state lock 2147483647 2147483646

# --- the helper that has libcuda -------------------------------------------------------------------------------------
helper=$NVB_BUILD/tools/nvbind-cuda
[ ! -x "$helper" ] || {
	refuses 'nvbind-cuda alone says how it is run' 2 'usage' "$helper"
	refuses 'nvbind-cuda with a relative path' 2 'usage' "$helper" libcuda.so.1
	check 'nvbind-cuda ends with its input' timeout 10 "$helper" "$(libraries)/libcuda.so.1" </dev/null
	is 'to what is no request it says nothing' '' "$(head -c 4000 /dev/urandom | timeout 10 "$helper" "$(libraries)/libcuda.so.1")"
	# START, then QUERY of a process with CUDA and LOCK of one without: what bolt, which is static, sends it.
	start asked 1 8
	is 'it answers as the library would' "0 0 running 1" "$(python3 - "$helper" "$(libraries)/libcuda.so.1" "$pid" <<'PY'
import struct, subprocess, sys
helper = subprocess.Popen(sys.argv[1:3], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask(call, pid):
    helper.stdin.write(struct.pack('<IIiIII', 0x5453474e, call, pid, 0, 0, 0) + bytes(64 * 32))
    helper.stdin.flush()
    magic, call, pid, result, state, thread = struct.unpack('<IIiiIi', helper.stdout.read(280)[:24])
    return result, state, thread
started, (result, state, thread), lock = ask(6, 0), ask(5, int(sys.argv[3])), ask(1, 2147483647)
print(started[0], result, 'running' if state == 0 and thread > 0 else 'not running', lock[0])
helper.stdin.close()
helper.wait()
PY
)"
	kill -9 "$pid"
}

# --- which checks have fired -----------------------------------------------------------------------------------------
like 'findings have ids' '"check": "process", "pid": 2147483647, "fatal": true' "$(state check --format json 2147483647 || true)"
start one 1 8
first=$pid
start two 1 8
like 'two with CUDA may share memory' 'ipc .*maybe' "$(state check "$first" "$pid")"
unlike 'one has nobody to share it with' ipc "$(state check "$pid")"
kill -9 "$first" "$pid"
