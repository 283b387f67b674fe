# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bolt capsule snapshot and restore beside the bare runtime and CRIU, and with 4 GiB of GPU memory beside the disk and the
# compressor alone: bench/snapshot.sh measures them. NVB_BENCH_GPU_MIB: another size.
if [ "$(id -u)" = 0 ] && "$top/bench/snapshot.sh" small "$rounds" >"$T/small" 2>"$T/said"; then
	while read -r what bare with; do
		result "bolt capsule $([ "$what" = take ] && echo snapshot || echo restore), 8 MiB" "$with" ms \
			"$(awk -v b="$bare" 'BEGIN {printf "%.1f", 1.2 * b}')" "bare runc and CRIU $bare ms"
	done <"$T/small"
else
	absent 'bolt capsule snapshot, 8 MiB' "$(tail -n 1 "$T/said" 2>/dev/null | grep . || echo 'needs root')"
fi
if [ "$(id -u)" = 0 ] && "$top/bench/snapshot.sh" gpu "${NVB_BENCH_GPU_MIB:-4096}" >"$T/gpu" 2>"$T/said"; then
	read -r _ mib take restore write compress first second <"$T/gpu"
	# The slower of the two alone sets the rate; 80% of it is 1.25 of its time.
	alone=$(awk -v w="$write" -v c="$compress" 'BEGIN {printf "%.2f", (c + 0 > w + 0 ? c : w)}')
	result "bolt capsule snapshot, $mib MiB of simulated GPU memory" "$take" s \
		"$(awk -v a="$alone" 'BEGIN {printf "%.2f", a / 0.8}')" \
		"disk alone $write s, compressor alone $compress s; $((first >> 20)) MiB written"
	result "bolt capsule restore, $mib MiB of simulated GPU memory" "$restore" s - ''
	result 'a second snapshot after 5% changed, of the first' \
		"$(awk -v a="$second" -v b="$first" 'BEGIN {printf "%.1f", 100 * a / b}')" % 10 "$((second >> 20)) of $((first >> 20)) MiB"
else
	absent 'bolt capsule snapshot with GPU memory' "$(tail -n 1 "$T/said" 2>/dev/null | grep . || echo 'needs root')"
fi
