# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bolt capsule start over the bare runtime, bolt capsule ps with 1000 capsules: bench/capsule.sh measures them.
if [ "$(id -u)" = 0 ] && "$top/bench/capsule.sh" "$rounds" >"$T/capsule" 2>"$T/said"; then
	while read -r what runtime bare with more; do
		case $what in
		start) result "bolt capsule start, over bare $runtime" "$more" ms 10 "bare $bare ms, bolt $with ms" ;;
		ps) result "bolt capsule ps${bare:+ }$([ "$runtime" = -a ] && echo '-a, ')1000 capsules" "${with:-$bare}" ms 20 '' ;;
		esac
	done <"$T/capsule"
else
	absent 'bolt capsule start' "$(tail -n 1 "$T/said" 2>/dev/null | grep . || echo 'needs root')"
fi
