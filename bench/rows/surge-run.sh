# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bolt surge run of /bin/true with all GPUs, over the bare runtime with an equal bundle: bench/surge-run.sh measures it.
if [ "$(id -u)" = 0 ] && "$top/bench/surge-run.sh" "$rounds" >"$T/surge" 2>"$T/said"; then
	while read -r runtime bare _ filter _ with _ difference _ over_filter _; do
		result "bolt surge run --rm --gpu all, over bare $runtime" "${difference#+}" ms 5 "bare $bare ms, bolt $with ms"
		# Only crun can be given a filter that is compiled already: the bare one with it, for whoever would do so, too.
		[ "$runtime" != crun ] ||
			result "the same, bare crun given bolt's compiled filter" "${over_filter#+}" ms 5 "bare $filter ms, bolt $with ms"
	done < <(grep ' ms ' "$T/surge")
else
	absent 'bolt surge run --rm --gpu all' "$(tail -n 1 "$T/said" 2>/dev/null | grep . || echo 'needs root')"
fi
