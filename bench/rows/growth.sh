# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 64 GPUs with 7 MIG instances each against 8 GPUs: cost may grow no faster than the number of devices.
growth() { # WHAT SMALL BIG UNIT
	result "$1: growth per device, 8 to 448" \
		"$(awk -v s="$2" -v b="$3" 'BEGIN {printf "%.2f", (b / 448) / (s / 8)}')" times 1 "$2 $4 and $3 $4"
}
warm_config
sim h200x8
# 64 GPUs, each with 7 MIG instances, are 448 devices.
small=$sim
sim big
large=$sim
for subject in 'cdi generate' 'inject'; do
	case $subject in
	inject) words=(inject --gpu all --file "$top/bench/config.json" --output "$T/growth.json") ;;
	*) words=(cdi generate --device-name-strategy index) ;;
	esac
	if interleave small nvbind --config "$T/warm.toml" --root "$small" "${words[@]}" \
		-- large nvbind --config "$T/warm.toml" --root "$large" "${words[@]}"; then
		growth "nvbind $subject, warm cache" "${median[small]}" "${median[large]}" ms
	else
		absent "nvbind $subject: growth" 'it failed'
	fi
done
read -ra few < <("$NVB_BUILD/bench/bench-inject" "$small" "$top/bench/config.json" all $((rounds * 20)))
read -ra many < <("$NVB_BUILD/bench/bench-inject" "$large" "$top/bench/config.json" all $((rounds * 20)))
growth 'plan and edit' "${few[1]}" "${many[1]}" us
