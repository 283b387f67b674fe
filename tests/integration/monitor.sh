#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `monitor` without a terminal: streams, logs, replays, bad input; drivers and GPUs that fail while it runs.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/surge.sh
. "$(dirname "$0")/surge.sh"
# shellcheck source=tests/integration/capsule_lib.sh
. "$(dirname "$0")/capsule_lib.sh"
# shellcheck source=tests/integration/monitor_lib.sh
. "$(dirname "$0")/monitor_lib.sh"
need_root
need bolt nvbind jq nvbind-sim

make_sim h200x8 "$T/host"
make_sim laptop-hybrid "$T/laptop"
make_sim no-gpu "$T/none"
make_sim mismatch "$T/mismatch"
make_glibc_root "$T/base"
chmod 711 "$T"
export NVBIND_ROOT=$T/host
once() { nvbind monitor --once --format json "$@"; }

# stream FILE ARGUMENT...: in the background; $stream is its process.
stream() {
	local file=$1
	shift
	nvbind monitor --format json --interval 50ms "$@" >"$file" 2>"$file.error" &
	stream=$!
}
samples() { wc -l <"$1"; }
# last FILE JQ: of the newest sample that is written whole.
last() { tail -n 2 "$1" | head -n 1 | jq -c "$2" 2>/dev/null; }
# until_last FILE JQ: it comes to that.
comes_to() { [ "$(last "$1" "$2")" = true ]; }
until_last() { until_true comes_to "$@"; }
ended() { # STATUS
	local status=0
	wait "$stream" || status=$?
	is 'it ends with its status' "$1" "$status"
}

outputs() {
	nvbind-sim set "$T/host" vary=off gpu2.utilization=64 gpu2.power=420 gpu2.temperature=71 gpu2.memory_used=9000 \
		gpu2.throttle_reasons=4 gpu2.pcie_rx=1048576
	local json
	json=$(once)
	is 'utilisation is a ratio' 0.64 "$(jq '.gpus[2].values.utilization' <<<"$json")"
	is 'power watts' 420 "$(jq '.gpus[2].values.power' <<<"$json")"
	is 'memory bytes' $((9000 << 20)) "$(jq '.gpus[2].values.memory_used' <<<"$json")"
	is 'clocks hertz' 345000000 "$(jq '.gpus[2].values.sm_clock' <<<"$json")"
	is 'a rate from two readings of a counter' true "$(jq '.gpus[2].values.pcie_rx_rate | . > 1.02e9 and . < 1.13e9' <<<"$json")"
	is 'a fan that is not there is null' 'null "unsupported"' "$(jq -r '"\(.gpus[2].values.fan_speed) \"\(.gpus[2].missing.fan_speed)\""' <<<"$json")"
	is 'every value that is known has an age' true "$(jq '.gpus[2] | [.values | to_entries[] | select(.value != null) | .key] == (.ages_ns | keys_unsorted)' <<<"$json")"
	is 'utilisation is as old as the driver'"'"'s sample of it' true "$(jq '.gpus[2].ages_ns.utilization < 1000000000' <<<"$json")"
	like 'the table says why a clock is not higher' '^ +2 +NVIDIA H200 +fine +64% +8\.8G/140G +420/700W +71C .*power cap' "$(nvbind monitor --once)"
	is 'a table of one GPU' 1 "$(nvbind monitor --once 2 | grep -c 'NVIDIA H200')"
	is 'by the beginning of its UUID' 1 "$(nvbind monitor --once "$(jq -r '.gpus[2].uuid[0:14]' <<<"$json")" | grep -c '64%')"
	is 'CSV has a column for each metric, with its unit' "$(jq '.gpus[0].values | length + 8' <<<"$json")" \
		"$(nvbind monitor --once --format csv | head -1 | tr , '\n' | wc -l)"
	like 'a name with a unit' 'power_watts,power_limit_watts' "$(nvbind monitor --once --format csv)"
	is 'all rows have as many' 1 "$(nvbind monitor --once --format csv | awk -F, '{print NF}' | sort -u | wc -l)"
	is 'bolt says the same' 8 "$(bolt monitor --gpu --once --format json | jq '.gpus | length')"
	is 'a count of samples' 3 "$(nvbind monitor -n 3 -i 20ms --format json | wc -l)"
	is 'who reads no further ends it' 0 "$(nvbind monitor -i 10ms --format json | head -1 | jq '.gpus | length - 8')"
	like 'decimals have a point everywhere' '"power":420' "$(LC_ALL=de_DE.UTF-8 nvbind monitor --once --format json)"
	is 'a laptop with two sorts of GPU: the one that the driver serves' 1 "$(NVBIND_ROOT=$T/laptop once | jq '.gpus | length')"
}

refusals() {
	refuses 'a bare interval' 2 '100.*unit' nvbind monitor --interval 100
	refuses 'one that is too short' 2 '10ms to 1h' nvbind monitor --interval 9ms
	refuses 'a GPU that is not there' 1 "no GPU '8'.*has 8" nvbind monitor --once 8
	refuses 'a word that is no GPU' 1 "no GPU 'x'" bolt monitor --once x
	refuses 'rows without CSV' 2 'csv' nvbind monitor --rows processes
	refuses 'a replay and a log' 2 'exclude' nvbind monitor --replay a --log b
	refuses 'a log that is not there' 1 'opening .*nowhere' nvbind monitor --replay "$T/nowhere"
	echo '{"no":1}' >"$T/bad"
	refuses 'a file that is no log' 1 'bad, line 1: it is no sample' nvbind monitor --replay "$T/bad" --once
	: >"$T/empty"
	refuses 'an empty one' 1 'holds no sample' nvbind monitor --replay "$T/empty"
	refuses 'a host without GPUs' 1 'no NVIDIA GPU.*doctor' env NVBIND_ROOT="$T/none" nvbind monitor --once
	refuses 'a log in a directory that is not there' 1 'opening .*/no/log' nvbind monitor --once --log "$T/no/log"
	like 'a full disk is said' 'writing /dev/full: No space left' "$(nvbind monitor --once --log /dev/full 2>&1)"
	like 'a driver of two versions is a notice' 'different versions' "$(NVBIND_ROOT=$T/mismatch once | jq -r .notice)"
	is 'whose GPUs have no values' null "$(NVBIND_ROOT=$T/mismatch once | jq '.gpus[0].values.power')"
}

replays() {
	nvbind monitor -n 5 -i 20ms --format csv --log "$T/log" >"$T/live.csv"
	is 'a log has every sample' 5 "$(samples "$T/log")"
	is 'it is its owner'"'"'s alone' 600 "$(stat -c %a "$T/log")"
	nvbind monitor --replay "$T/log" --format csv >"$T/replayed.csv"
	same_file 'replayed as CSV it is what was shown' "$T/live.csv" "$T/replayed.csv"
	nvbind monitor --replay "$T/log" --format json >"$T/again"
	same_file 'and as JSON what was logged' "$T/log" "$T/again"
	head -c -100 "$T/log" >"$T/cut"
	is 'a last line that is cut off is left out' 4 "$(nvbind monitor --replay "$T/cut" --format json | wc -l)"
	is 'once: the last sample' "$(tail -1 "$T/log" | jq .sequence)" "$(nvbind monitor --replay "$T/log" --once --format json | jq .sequence)"
	sed -i '3s/"index":0/"index":"x"/' "$T/log"
	like 'a damaged line is named' 'log, line 3: a number is none' "$(nvbind monitor --replay "$T/log" --format json 2>&1 >/dev/null)"
}

# GPUs come, go, fall off the bus, hang; the child dies. It goes on.
failures() {
	stream "$T/s"
	until_last "$T/s" '[.gpus[] | select(.state == "fine")] | length == 8'
	nvbind-sim fail "$T/host" gpu 3 xid 79
	check 'a GPU that is lost' until_last "$T/s" '.gpus[3].state == "lost" and .gpus[3].values.power == null and .gpus[3].values.last_xid == 79'
	is 'the others are fine' 7 "$(last "$T/s" '[.gpus[] | select(.state == "fine")] | length')"
	nvbind-sim fail "$T/host" gpu 5 off-bus
	check 'one that is gone' until_last "$T/s" '.gpus[5].state == "gone" and .gpus[6].state == "fine" and .gpus[6].index == 6'
	nvbind-sim fail "$T/host" gpu 5 none
	nvbind-sim fail "$T/host" gpu 3 none
	check 'all come back' until_last "$T/s" '[.gpus[] | select(.state == "fine")] | length == 8'
	nvbind-sim fail "$T/host" gpu 1 hang
	check 'one that hangs' until_last "$T/s" '.gpus[1].state == "error" and (.gpus[1].reason | test("hangs"))'
	nvbind-sim fail "$T/host" gpu 1 none
	nvbind-sim set "$T/host" gpu2.call_delay_us=30000
	check 'one that is slow' until_last "$T/s" '.gpus[2].state == "slow" and .gpus[2].values.power != null'
	check 'holds nobody up' until_last "$T/s" '.cost.collect_ns < 20000000 and .gpus[4].state == "fine"'
	nvbind-sim set "$T/host" gpu2.call_delay_us=0
	check 'and is fine again' until_last "$T/s" '.gpus[2].state == "fine"'
	kill -STOP "$(pgrep -P "$stream")"
	check 'a child that gets no time: all are slow' until_last "$T/s" '[.gpus[] | select(.state == "slow")] | length == 8'
	kill -CONT "$(pgrep -P "$stream")"
	check 'and fine when it does' until_last "$T/s" '[.gpus[] | select(.state == "fine")] | length == 8'
	kill -KILL "$(pgrep -P "$stream")"
	check 'NVML crashes: that is said' until_true grep -q '"notice":"NVML crashed' "$T/s"
	check 'and it is there again' until_last "$T/s" '.notice == null and ([.gpus[] | select(.state == "fine")] | length == 8)'
	is 'no deadline is told twice' true "$(head -n -1 "$T/s" | jq -s 'map(.sequence) | length > 0 and . == (. | unique)')"
	is 'nothing was said on stderr' '' "$(cat "$T/s.error")"
	kill -TERM "$stream"
	ended 143
	is 'no child is left' '' "$(pgrep -P "$stream" || true)"
}

owners() {
	uses trainer 0 20000 --gpu 1
	uses part 0 3000 --gpu 4
	like 'the table says whose a GPU is, and how much' '^ +1 .*trainer 19\.8G$' "$(nvbind monitor --once)"
	is 'who, on which GPU, with how much memory' "capsule trainer 1 $((20256 << 20))" \
		"$(once | jq -r '.gpus[] | .index as $g | .processes[] | select(.owner_name == "trainer") | "\(.owner) \(.owner_name) \($g) \(.values.memory)"')"
	is 'the number inside' true "$(once | jq '[.gpus[].processes[] | .inner_pid > 1 and .inner_pid < 100] | all')"
	is 'the id of the capsule' "$(bolt capsule inspect trainer | jq -r '.[0].id')" "$(once | jq -r 'first(.gpus[1].processes[].owner_id)')"
	is 'a filter' 1 "$(nvbind monitor --once --format csv --rows processes --capsule train | tail -n +2 | wc -l)"
	like 'capsule stats counts them as well' ' trainer .* 1 +19\.8 GiB' "$(bolt capsule stats --no-stream)"
	is 'its GPU columns' "1 $((20256 << 20))" "$(bolt capsule stats --no-stream --format json trainer | jq -r '.[0] | "\(.gpus) \(.gpu_memory_bytes)"')"
	nvbind-sim set "$T/host" gpu1.utilization=40
	is 'and its share of the GPU'"'"'s time' '40.000' "$(bolt capsule stats --no-stream --format json trainer | grep -o '"gpu_percent": [0-9.]*' | cut -d' ' -f2)"
	check 'a group that is only called like a capsule'"'"'s makes nobody its process' in_forged_group "$(bolt capsule inspect trainer | jq -r '.[0].id')"
	bolt capsule rename trainer coach
	check 'a process outside is the host'"'"'s' hosts_own
	bolt capsule rm -f coach part >/dev/null
}

# Whoever may make control groups below some group can call them as bolt calls its own.
in_forged_group() { # ID
	local top joined=0 status=0
	for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/devices; do
		[ -e "$top/cgroup.procs" ] || continue
		mkdir -p "$top/nvb-forged-$$/bolt/$1"
		joined=$((joined + 1))
	done
	FORGED=nvb-forged-$$/bolt/$1 hosts_own || status=1
	for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/devices; do
		[ ! -d "$top/nvb-forged-$$" ] || find "$top/nvb-forged-$$" -depth -type d -exec rmdir {} \;
	done
	[ $joined -gt 0 ] && return $status
}

# A process of the host's, in the control group $FORGED where that is set.
hosts_own() {
	local process status=0 top
	exec 8> >(exec env LD_LIBRARY_PATH="$T/host/usr/lib/x86_64-linux-gnu" "$toy" hold 0 100 >"$T/toy" 2>&1)
	process=$!
	for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/devices; do
		[ -z "${FORGED:-}" ] || [ ! -d "$top/$FORGED" ] || echo "$process" >"$top/$FORGED/cgroup.procs"
	done
	until_true eval "nvbind monitor --once --format json | jq -e '.gpus[0].processes[0].owner == \"host\"'" || status=1
	exec 8>&-
	wait "$process" 2>/dev/null || true
	return $status
}

outputs
refusals
replays
failures
own_state owners
