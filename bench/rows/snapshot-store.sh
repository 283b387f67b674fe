# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Snapshots on disk: taking, taking while a program still writes, and extracting memory of which three eighths are zero
# pages, a quarter is random and the rest compresses as floats do. What is compared with is the slower of the disk (the
# bytes that the snapshot stores, written and flushed) and the compressor (zstd -1 on all processors, its output
# dropped): the time may be 1.25 times that, which is 80% of its rate. Then a second snapshot with 5% of the blocks of
# 64 KiB changed, everything moved by three pages: it may write 10% of the first. NVB_BENCH_SNAPSHOT_MIB is the size,
# 1024 by default.
snapshot_store_data() { # FILE MIB
	python3 - "$1" "$2" <<'PYTHON'
import os, sys
with open(sys.argv[1], 'wb') as f:
    for i in range(int(sys.argv[2])):
        if i % 8 < 3:
            f.write(bytes(1 << 20))
            continue
        block = bytearray(os.urandom(1 << 20))
        if i % 8 >= 5:
            block[2::4] = bytes([0x3f]) * (1 << 18)
            block[3::4] = bytes([i & 255]) * (1 << 18)
        f.write(block)
PYTHON
}

snapshot_store_change() { # FILE
	python3 - "$1" <<'PYTHON'
import os, random, sys
random.seed(3)
data = bytearray(open(sys.argv[1], 'rb').read())
blocks = [b for b in range(len(data) >> 16) if any(data[b << 16:(b << 16) + 64])]
for b in random.sample(blocks, len(blocks) // 20):
    data[b << 16:(b + 1) << 16] = os.urandom(65536)
with open(sys.argv[1], 'wb') as f:
    f.write(os.urandom(3 * 4096))
    f.write(data)
PYTHON
}

timed() { # NAME COMMAND...: how long it takes, and of the processors' time, in s
	local TIMEFORMAT='%R %U %S'
	{ time "${@:2}" >/dev/null 2>&1 3>&- || return; } 2>>"$dir/took.$1"
}
middle() { # COLUMNS: their sum
	awk -v c="$1" '{n = split(c, which, " "); sum = 0; for (i = 1; i <= n; i++) sum += $which[i]; print sum}' |
		sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}

snapshot_store_row() {
	local tool=$NVB_BUILD/tests/integration/snapshot-tool dir=$T/snapshot mib=${NVB_BENCH_SNAPSHOT_MIB:-1024} i stored
	local times=$((rounds < 5 ? rounds : 5)) what bound rate
	declare -A took used
	mkdir -p "$dir/in" "$dir/images"
	snapshot_store_data "$dir/in/pages-1.img" "$mib"
	sync "$dir/in/pages-1.img"
	"$tool" take "$dir/store" bench files="$dir/in" >/dev/null || return
	stored=$(du -s -B 1 "$dir/store" | cut -f1)
	for ((i = 0; i < times; i++)); do
		for what in take follow extract; do rm -rf "${dir:?}/$what" && mkdir "$dir/$what"; done
		rm -f "$dir/images/"*
		timed disk sh -c "head -c $stored '$dir/in/pages-1.img' >'$dir/disk' && sync '$dir/disk'"
		rm "$dir/disk"
		timed zstd zstd -q -1 -T0 -c "$dir/in/pages-1.img"
		! command -v lz4 >/dev/null || timed lz4 lz4 -q -1 -c "$dir/in/pages-1.img"
		timed take "$tool" take "$dir/take" bench files="$dir/in" || return
		timed follow "$tool" follow "$dir/follow" bench files="$dir/images" \
			dd if="$dir/in/pages-1.img" of="$dir/images/pages-1.img" bs=1M status=none || return
		timed extract "$tool" extract "$dir/take" bench files "$dir/extract" || return
		timed cp cp --sparse=never "$dir/in/pages-1.img" "$dir/copy"
		rm "$dir/copy"
	done
	for what in disk zstd lz4 take follow extract cp; do
		[ ! -s "$dir/took.$what" ] || took[$what]=$(middle 1 <"$dir/took.$what") used[$what]=$(middle '2 3' <"$dir/took.$what")
	done
	bound=$(awk -v a="${took[disk]}" -v b="${took[zstd]}" 'BEGIN {print (a > b ? a : b)}')
	for what in take follow; do
		rate=$(awk -v m="$mib" -v s="${took[$what]}" 'BEGIN {printf "%.0f MiB/s", m / s}')
		result "snapshot store: $what, over disk or compressor alone" "$(over "${took[$what]}" "$bound")" times 1.25 \
			"$rate; disk ${took[disk]} s, zstd ${took[zstd]} s, lz4 ${took[lz4]:--} s"
	done
	# On a machine that does other things as well this says more.
	result 'snapshot store: take, processor time over zstd alone' "$(over "${used[take]}" "${used[zstd]}")" times 1.25 \
		"${used[take]} s; zstd ${used[zstd]} s, lz4 ${used[lz4]:--} s"
	result 'snapshot store: extract, over cp' "$(over "${took[extract]}" "${took[cp]}")" times - \
		"$(awk -v m="$mib" -v s="${took[extract]}" 'BEGIN {printf "%.0f MiB/s", m / s}')"
	snapshot_store_change "$dir/in/pages-1.img"
	"$tool" take "$dir/store" bench files="$dir/in" >/dev/null || return
	result 'snapshot store: a second one, 5% changed, of the first' "$(bolt snapshot ls --store "$dir/store" --format json bench |
		jq -r '[.[].manifest | .new_stored + .index_size] | .[1] / .[0] * 100 * 100 | round / 100')" % 10
}
if [ -x "$NVB_BUILD/tests/integration/snapshot-tool" ] && command -v zstd >/dev/null; then
	snapshot_store_row || absent 'snapshot store' 'it failed'
else
	absent 'snapshot store' 'needs the tests to be built, and zstd'
fi
