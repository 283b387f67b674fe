# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # sim: the runner's
# A scrape of `nvbind monitor --listen`: from connecting to the last byte, as curl measures it. Every scrape comes after
# a new sample, so none is handed the text of the one before.
row_scrape() {
	local gpus url log=$T/scrape.log pid times
	for gpus in 8 64; do
		if [ "$gpus" = 8 ]; then sim h200x8; else sim big; fi
		NVBIND_ROOT=$sim nvbind monitor --listen 127.0.0.1:0 --interval 1s 2>"$log" &
		pid=$!
		defer eval "kill $pid 2>/dev/null"
		url=
		for _ in $(seq 200); do
			url=$(sed -n 's/.*metrics at \(.*\)/\1/p' "$log")
			[ -n "$url" ] && [ "$(curl -s -o /dev/null -w '%{http_code}' "$url")" = 200 ] && break
			sleep 0.05
		done
		times=$(for _ in $(seq $(((rounds < 20 ? rounds : 20) + 2))); do
			sleep 1.03
			curl -s -o "$T/scraped" -w '%{time_total}\n' "$url"
		done | tail -n +3 | sort -n)
		result "scrape, $gpus GPUs$([ "$gpus" = 64 ] && echo ' with 7 MIG devices each'), $(($(stat -c %s "$T/scraped") / 1024)) KiB: median" \
			"$(awk '{t[NR] = $1} END {printf "%.2f", t[int((NR + 1) / 2)] * 1000}' <<<"$times")" ms 5
		result "memory of the exporter, $gpus GPUs" \
			"$(awk '/^nvbind_(exporter_memory|sampler_child_memory)_bytes / {sum += $2} END {printf "%.1f", sum / 1048576}' "$T/scraped")" MiB -
		kill "$pid"
		wait "$pid" 2>/dev/null || true
	done
}
row_scrape
