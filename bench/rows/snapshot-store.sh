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

seconds() { # COMMAND...: how long it takes
	local begun ended
	begun=$(date +%s%N)
	"$@" >/dev/null || return
	ended=$(date +%s%N)
	echo $((ended - begun))
}
middle() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)] / 1e9}'; }

snapshot_store_row() {
	local tool=$NVB_BUILD/tests/integration/snapshot-tool dir=$T/snapshot mib=${NVB_BENCH_SNAPSHOT_MIB:-1024} i stored
	local times=$((rounds < 5 ? rounds : 5)) what bound rate
	declare -A took
	mkdir -p "$dir/in" "$dir/images"
	snapshot_store_data "$dir/in/pages-1.img" "$mib"
	sync "$dir/in/pages-1.img"
	"$tool" take "$dir/store" bench files="$dir/in" >/dev/null || return
	stored=$(du -s -B 1 "$dir/store" | cut -f1)
	for ((i = 0; i < times; i++)); do
		for what in take follow extract; do rm -rf "${dir:?}/$what" && mkdir "$dir/$what"; done
		rm -f "$dir/images/"*
		seconds sh -c "head -c $stored '$dir/in/pages-1.img' >'$dir/disk' && sync '$dir/disk'" >>"$dir/took.disk"
		rm "$dir/disk"
		seconds zstd -q -1 -T0 -c "$dir/in/pages-1.img" >>"$dir/took.zstd"
		seconds lz4 -q -1 -c "$dir/in/pages-1.img" >>"$dir/took.lz4" 2>/dev/null || :
		seconds "$tool" take "$dir/take" bench files="$dir/in" >>"$dir/took.take" || return
		seconds "$tool" follow "$dir/follow" bench files="$dir/images" \
			dd if="$dir/in/pages-1.img" of="$dir/images/pages-1.img" bs=1M status=none >>"$dir/took.follow" || return
		seconds "$tool" extract "$dir/take" bench files "$dir/extract" >>"$dir/took.extract" || return
		seconds cp --sparse=never "$dir/in/pages-1.img" "$dir/copy" >>"$dir/took.cp"
		rm "$dir/copy"
	done
	for what in disk zstd lz4 take follow extract cp; do
		[ ! -s "$dir/took.$what" ] || took[$what]=$(middle <"$dir/took.$what")
	done
	bound=$(awk -v a="${took[disk]}" -v b="${took[zstd]}" 'BEGIN {print (a > b ? a : b)}')
	for what in take follow; do
		rate=$(awk -v m="$mib" -v s="${took[$what]}" 'BEGIN {printf "%.0f MiB/s", m / s}')
		result "snapshot store: $what, over disk or compressor alone" "$(over "${took[$what]}" "$bound")" times 1.25 \
			"$rate; disk ${took[disk]} s, zstd ${took[zstd]} s, lz4 ${took[lz4]:--} s"
	done
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
