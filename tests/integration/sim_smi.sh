#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The simulated machine's nvidia-smi: what it prints, in which form, and with which exit code it fails.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim python3 setpriv
# By its full path: what an ordinary user may run.
[ -x /usr/bin/python3 ] || skip "needs /usr/bin/python3"
chmod 755 "$T"

# status COMMAND...: its exit code.
status() {
	local rc=0
	"$@" >"$T/printed" 2>&1 || rc=$?
	echo "$rc"
}
# on ROOT LIBDIR ARGUMENTS...: that machine's nvidia-smi, with the library in LIBDIR below the root.
on() {
	local root=$1 libraries=$1/$2
	shift 2
	LD_LIBRARY_PATH=$libraries "$root/usr/bin/nvidia-smi" "$@"
}

make_sim h200x8 "$T/host"
nvbind-sim set "$T/host" vary=off
smi() { on "$T/host" usr/lib/x86_64-linux-gnu "$@"; }

is '-L counts the GPUs' 8 "$(smi -L | grep -c '^GPU [0-7]: NVIDIA H200 (UUID: GPU-')"
is 'the table names each' 8 "$(smi | grep -c 'NVIDIA H200 ')"
is 'its lines are as long as nvidia-smi'"'"'s' '91' "$(smi | sed 1d | grep '^[|+]' | awk '{print length}' | sort -u)"
is 'CSV with header and units' 'memory.total [MiB]' "$(smi --query-gpu=memory.total --format=csv | head -1)"
like 'values have units' '^[0-9]+ MiB$' "$(smi -i 0 --query-gpu=memory.total --format=csv,noheader)"
like 'or not' '^[0-9]+$' "$(smi -i 0 --query-gpu=memory.total --format=csv,noheader,nounits)"
is 'what a card has not is N/A' '[N/A]' "$(smi -i 0 --query-gpu=fan.speed --format=csv,noheader)"
is 'fields by their short names' "$(smi --query-gpu=name,uuid --format=csv)" "$(smi --query-gpu=gpu_name,gpu_uuid --format=csv)"
uuid=$(smi -i 3 --query-gpu=uuid --format=csv,noheader)
bus=$(smi -i 3 --query-gpu=pci.bus_id --format=csv,noheader)
is '-i by UUID' 3 "$(smi -i "$uuid" --query-gpu=index --format=csv,noheader)"
is '-i by bus id' 3 "$(smi -i "$bus" --query-gpu=index --format=csv,noheader)"
is '-i of several' '5 2' "$(smi -i 5,2 --query-gpu=index --format=csv,noheader | paste -sd' ')"
is '-q -x is XML with all GPUs' 8 "$(smi -q -x | python3 -c \
	'import sys, xml.dom.minidom as m; print(len(m.parse(sys.stdin).getElementsByTagName("gpu")))')"
is '-q has the same values' "$uuid" "$(smi -q -i 3 | sed -n 's/.*GPU UUID *: //p')"

# Live.
nvbind-sim set "$T/host" gpu3.temperature=77
is 'a change is seen' 77 "$(smi -i 3 --query-gpu=temperature.gpu --format=csv,noheader)"

# Failures: nvidia-smi's words and codes.
is 'no such GPU' 6 "$(status smi -i 9)"
is 'no such GPU: the words' 'No devices were found' "$(cat "$T/printed")"
is 'unknown option' 255 "$(status smi --bogus)"
is 'unknown field' 2 "$(status smi --query-gpu=name,bogus --format=csv)"
like 'unknown field: it is named' '"bogus"' "$(cat "$T/printed")"
is 'no format' 2 "$(status smi --query-gpu=name)"
is 'unknown format' 2 "$(status smi --query-gpu=name --format=csv,bogus)"
is 'a loop of no seconds' 2 "$(status smi --loop=0)"
is 'an option without its value' 2 "$(status smi -i)"
is 'no library' 12 "$(status env -u LD_LIBRARY_PATH "$T/host/usr/bin/nvidia-smi")"
nvbind-sim fail "$T/host" gpu 2 lost
is 'a lost GPU' 15 "$(status smi)"
like 'a lost GPU: the words' 'GPU is lost' "$(cat "$T/printed")"
is 'the others can be asked' 0 "$(status smi -i 1)"
nvbind-sim fail "$T/host" gpu 2 none
mv "$T/host/dev/nvidiactl" "$T/away"
is 'no driver' 9 "$(status smi)"
mv "$T/away" "$T/host/dev/nvidiactl"
mv "$T/host/dev/nvidia4" "$T/away"
is 'a GPU without its node is not there' 7 "$(smi -L | wc -l)"
mv "$T/away" "$T/host/dev/nvidia4"
make_sim mismatch "$T/mismatch"
is 'library and module of two versions' 18 "$(status on "$T/mismatch" usr/lib64)"
like 'two versions: the words' 'Failed to initialize NVML: Driver/library version mismatch' "$(cat "$T/printed")"

# Cards and layouts.
make_sim a100x8-mig "$T/mig"
mig() { on "$T/mig" usr/lib/x86_64-linux-gnu "$@"; }
count=$(mig -L | grep -c '^  MIG ')
check '-L shows MIG devices' test "$count" -gt 0
is 'the table shows as many' "$count" "$(mig | grep -cE '^\|  [0-9] +[0-9]+ +[0-9]+ +[0-9]+  \|.*MiB / ')"
is 'the report shows as many' "$count" "$(mig -q -x | python3 -c \
	'import sys, xml.dom.minidom as m; print(len(m.parse(sys.stdin).getElementsByTagName("mig_device")))')"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
is 'an ordinary user sees them too' "$count" "$("${nobody[@]}" env LD_LIBRARY_PATH="$T/mig/usr/lib/x86_64-linux-gnu" \
	"$T/mig/usr/bin/nvidia-smi" -L | grep -c '^  MIG ')"

# Processes, and what a name may do to a terminal.
toy=$NVB_BUILD/tests/integration/cuda-toy
mkfifo "$T/in"
(LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu exec -a $'\e[31mred' "$toy" hold 1 64 <"$T/in" >"$T/out") &
holder=$!
exec 8>"$T/in"
for _ in $(seq 250); do
	! grep -q ready "$T/out" || break
	sleep 0.02
done
like 'the table shows the program' "^\\|    1   N/A  N/A +[0-9]+      C   \\?\\[31mred hold 1 64 +[0-9]+MiB \\|$" "$(smi)"
is 'no name reaches the terminal raw' 0 "$( (smi; smi -q; smi -q -x) | grep -c $'\e' || true)"
exec 8>&-
wait "$holder"

# An ordinary user's change is refused, and is in nobody's way afterwards.
library=$T/mig/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1
limit='import ctypes, sys
n = ctypes.CDLL(sys.argv[1])
h = ctypes.c_void_p()
print(n.nvmlInit_v2(), n.nvmlDeviceGetHandleByIndex_v2(7, ctypes.byref(h)), n.nvmlDeviceSetPowerManagementLimit(h, int(sys.argv[2])))'
is 'an ordinary user may not set a limit' '0 0 4' "$("${nobody[@]}" /usr/bin/python3 -c "$limit" "$library" 300000)"
# nvbind-sim writes the same state: a lock left behind would stop it.
check 'the machine is not locked afterwards' timeout 30 nvbind-sim set "$T/mig" gpu7.temperature=50
is 'root may, at once' '0 0 0' "$(timeout 30 /usr/bin/python3 -c "$limit" "$library" 300000)"
is 'and it holds' '300.00 W' "$(mig -i 7 --query-gpu=power.limit --format=csv,noheader)"
is 'but not beyond what the card allows' '0 0 2' "$(timeout 30 /usr/bin/python3 -c "$limit" "$library" 999000)"
