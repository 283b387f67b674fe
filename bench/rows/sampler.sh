# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What watching costs: processor time and memory of all its processes, the child with NVML included, from outside. Starting
# and ending (a run of one sample) is taken away; formatting each sample as JSON is not.
sampler_cpu() { # SAMPLES INTERVAL: user and system time in ms
	local TIMEFORMAT='%U %S'
	{ time NVBIND_ROOT=$sim nvbind monitor --format json -n "$1" -i "$2" >/dev/null; } 2>&1 |
		awk '{printf "%.0f", ($1 + $2) * 1000}'
}
sampler_memory() { # both processes' proportional share, in KiB
	local process p
	NVBIND_ROOT=$sim nvbind monitor --format json -n 12 -i 100ms >/dev/null &
	process=$!
	sleep 1
	for p in "$process" $(pgrep -P "$process"); do
		awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup"
	done | awk '{sum += $1} END {print sum}'
	wait "$process"
}

sim h200x8
sampler_once=$(sampler_cpu 1 100ms)
for sampler_row in 100ms:100:1 10ms:1000:-; do
	IFS=: read -r sampler_every sampler_count sampler_target <<<"$sampler_row"
	sampler_all=$(sampler_cpu $((sampler_count + 1)) "$sampler_every")
	result "sampling 8 GPUs every $sampler_every, of one core" \
		"$(awk -v a="$sampler_all" -v b="$sampler_once" 'BEGIN {printf "%.2f", (a - b) / 10000 * 100}')" % "$sampler_target" \
		"starting and ending $sampler_once ms"
done
result 'memory of sampling 8 GPUs, both processes' \
	"$(sampler_memory | awk '{printf "%.1f", $1 / 1024}')" MiB 10 'proportional share (Pss)'
