# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bolt surge up of 20 services over 20 bare containers started side by side: bench/surge-up.sh measures them.
if [ "$(id -u)" = 0 ] && "$top/bench/surge-up.sh" "$(((rounds + 2) / 3))" >"$T/up" 2>"$T/said"; then
	while read -r _ runtime network bare filter with again; do
		result "bolt surge up of 20 services, $network: over 20 bare $runtime" "$((with - bare))" ms 0 \
			"bare $bare ms, with our filter $filter ms, bolt $with ms, started again $again ms"
	done <"$T/up"
else
	absent 'bolt surge up of 20 services' "$(tail -n 1 "$T/said" 2>/dev/null | grep . || echo 'needs root')"
fi
