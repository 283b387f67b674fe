# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Plan and edit of an 8 KB config.json in the library, inventory loaded: one GPU of eight, and all.
plan_edit() { # WHAT SELECTOR P50 P99
	local words
	sim h200x8
	read -ra words < <("$NVB_BUILD/bench/bench-inject" "$sim" "$top/bench/config.json" "$2" $((rounds * 200)))
	result "plan and edit, $1, p50" "${words[1]}" us "$3" \
		"plan ${words[5]}, edit ${words[7]}, ${words[9]} allocations, ${words[11]} to ${words[12]} bytes"
	result "plan and edit, $1, p99" "${words[3]}" us "$4"
}
plan_edit '1 GPU of 8' 2 30 100
plan_edit '8 GPUs of 8' all 30 100
