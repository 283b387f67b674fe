# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Binding a thread to a context that was prepared, beside the driver's call for it, apart from what costs more: launches,
# the hardware's time slice, preemption. On the simulated driver unless NVB_BENCH_LIBCUDA names a real libcuda.so.1.
context_row() {
	local name p50 p99 what target library=${NVB_BENCH_LIBCUDA:-}
	if [ -z "$library" ]; then
		sim h200x8
		library=$sim/usr/lib/x86_64-linux-gnu/libcuda.so.1
	fi
	"$NVB_BUILD/bench/bench-context" --library "$library" --rounds $((rounds * 100)) >"$T/context" 2>"$T/said" || return
	while IFS=$'\t' read -r name p50 p99 what; do
		case $name in
		'driver kind') continue ;;
		ours) target=50 ;;
		*) target=- ;;
		esac
		if [ "$p50" = - ]; then
			absent "context: $name" "${what#not measured: }"
		else
			result "context: $name, p50" "$p50" ns "$target" "$what$([ "$p99" = - ] || echo ", p99 $p99")"
		fi
	done <"$T/context"
}
context_row || absent 'context' "it failed: $(tail -n 1 "$T/said" 2>/dev/null)"
