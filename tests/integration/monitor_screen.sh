#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The screen of `bolt monitor`, in a real terminal: which capsule uses which GPU, keys, sizes, 1 and 64 GPUs, MIG, no
# colours. NVB_TEST_SCREENS=docs/screens keeps the pictures.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/surge.sh
. "$(dirname "$0")/surge.sh"
# shellcheck source=tests/integration/capsule_lib.sh
. "$(dirname "$0")/capsule_lib.sh"
# shellcheck source=tests/integration/monitor_lib.sh
. "$(dirname "$0")/monitor_lib.sh"
need_root
need bolt nvbind jq nvbind-sim tmux python3
grep -q ncurses <(ldd "$NVB_BUILD/tools/nvbind-monitor") || skip 'built without ncurses'

make_sim h200x8 "$T/eight"
nvbind-sim create --scenario h200x8 --gpus 64 "$T/many"
defer nvbind-sim destroy "$T/many"
make_sim rtx4090x1 "$T/one"
make_glibc_root "$T/base"
chmod 711 "$T"
end_terminals() { tmux_ kill-server 2>/dev/null || true; }
defer end_terminals

# A load that moves, so that graphs have something to show.
load() { # ROOT GPU FROM TO STEP
	local i
	for ((i = $3; $5 > 0 ? i <= $4 : i >= $4; i += $5)); do
		nvbind-sim set "$1" "gpu$2.utilization=$i" "gpu$2.power=$((100 + i * 5))" "gpu$2.temperature=$((35 + i / 3))" >/dev/null
		sleep 0.05
	done
}

eight() {
	export NVBIND_ROOT=$T/eight
	nvbind-sim set "$T/eight" vary=on 'gpu*.pcie_rx=400000' gpu0.pcie_rx=21000000 gpu0.pcie_tx=3400000 \
		gpu0.nvlink_tx=92000000 gpu0.nvlink_rx=88000000 gpu1.utilization=35 gpu2.utilization=64
	uses trainer 0 61000 --gpu 0 --gpu 1
	uses web 0 3100 --gpu 1
	uses notebook 0 18000 --gpu 2
	# Work has woken it up.
	nvbind-sim set "$T/eight" gpu0.throttle_reasons=4
	screen_start eight 80 24 bolt monitor --gpu --real-time
	screen_like 'the first screen says which capsule uses GPU 0, and how much' eight '^ +0 .*trainer 59\.8G'
	screen_like 'and who uses GPU 1' eight '^ +1 .*web 3\.3G'
	screen_like 'a process has its capsule, GPU, memory' eight '^ +2 +[0-9]+ notebook +C +17\.8G'
	screen_like 'the command is there' eight 'toy hold 0 18000'
	screen_like 'and the driver' eight 'driver 570\.133\.20 +8 GPUs'
	load "$T/eight" 0 20 95 3
	picture eight monitor-80x24-8 'bolt monitor --gpu --real-time, 80x24, 8 GPUs'

	# Sizes.
	tmux_ resize-window -t eight -x 200 -y 60
	screen_like 'more room, more columns' eight 'PCIE RX/TX +NVLINK RX/TX +THROTTLED +USED BY'
	screen_like 'traffic' eight '^ +0 .*(19|20)\.[0-9]G/3\.[0-9]G +8[0-9]\.[0-9]G/'
	screen_like 'why a clock is not higher' eight '^ +0 .*power cap'
	load "$T/eight" 0 95 30 -3
	load "$T/eight" 0 30 90 2
	picture eight monitor-200x60-8 'bolt monitor --gpu --real-time, 200x60, 8 GPUs'
	tmux_ resize-window -t eight -x 50 -y 12
	screen_like 'little room: what matters most stays' eight 'GPU +UTIL +MEMORY'
	tmux_ resize-window -t eight -x 20 -y 5
	sleep 0.3
	tmux_ resize-window -t eight -x 80 -y 24
	screen_like 'it survives a window of no use' eight '^ +0 .*trainer 59\.8G'

	screen_like 'even there it says how to get help' eight '\? help'
	# Keys.
	keys eight '?'
	screen_like 'help' eight 'whose processes use a GPU, and how much memory'
	keys eight x
	keys eight s
	screen_like 'sorting' eight 'Sorted by memory'
	is 'by memory: most first' trainer "$(sleep 0.3; screen_of eight | awk '/^ GPU +PID/ {getline; print $3}')"
	keys eight r
	sleep 0.3
	is 'the other way round' web "$(screen_of eight | awk '/^ GPU +PID/ {getline; print $3}')"
	keys eight /
	keys eight noteb
	screen_like 'a filter is typed' eight 'Only processes with: noteb_'
	keys eight Enter
	screen_like 'and leaves one' eight '1 process with noteb'
	keys eight Escape
	screen_like 'Escape drops it' eight ' [34] processes'
	keys eight Down Down Enter
	screen_like 'one GPU alone' eight '1 process of this GPU'
	keys eight Enter Tab
	screen_like 'the cursor goes to processes' eight 'Tab GPUs'
	keys eight Space
	screen_like 'a pause' eight PAUSED
	keys eight Space
	keys eight +
	screen_like 'more often' eight 'Measuring every 50 ms'

	# Ending a process.
	local pid
	pid=$(pid_of notebook)
	keys eight /
	keys eight notebook Enter
	screen_like 'the filter again' eight '1 process with notebook'
	keys eight k
	screen_like 'it asks first' eight "End process $pid \(/toy hold 0 18000\) of notebook\?"
	keys eight n
	screen_like 'no is no' eight 'Nothing was sent'
	check 'it lives' kill -0 "$pid"
	keys eight k
	shows eight 'End process'
	keys eight 9
	screen_like 'SIGKILL was sent' eight 'Sent SIGKILL'
	check 'it is gone' until_true eval "! kill -0 $pid"
	keys eight Escape

	# GPUs that fail while one looks.
	nvbind-sim fail "$T/eight" gpu 5 lost >/dev/null
	screen_like 'a GPU that falls off the bus is said to' eight '^ +5 .*lost: fell off the bus'
	nvbind-sim fail "$T/eight" gpu 6 off-bus >/dev/null
	screen_like 'one that is gone' eight '^ +6 .*gone'
	screen_like 'the others go on' eight '^ +0 .*trainer 59\.8G'
	nvbind-sim fail "$T/eight" gpu 6 none >/dev/null
	nvbind-sim fail "$T/eight" gpu 5 none >/dev/null
	screen_like 'and they come back' eight '^ +6 +H200 .*% '
	keys eight q
	screen_like 'q leaves, with 0' eight '^left-0'
	is 'nothing was said on stderr' '' "$(cat "$T/eight.error")"

	# Without colours, without UTF-8, on a terminal that can do nothing.
	screen_start plain 80 24 NO_COLOR=1 bolt monitor --real-time
	shows plain 'trainer 59'
	unlike 'NO_COLOR' $'\e\\[3[0-8]' "$(tmux_ capture-pane -e -p -t plain)"
	keys plain q
	screen_start ascii 80 24 LC_ALL=C bolt monitor --real-time
	screen_like 'letters where there is no UTF-8' ascii '^ +0 .*==+-* +[0-9]+%'
	keys ascii q
	screen_start dumb 100 24 TERM=dumb bolt monitor --real-time
	screen_like 'tables where there is no screen' dumb 'GPU +NAME +STATE'
	keys dumb C-c
	screen_like '^C ends them' dumb 'left-0'
	bolt capsule rm -f trainer web notebook >/dev/null
}

one() {
	export NVBIND_ROOT=$T/one
	nvbind-sim set "$T/one" vary=on gpu0.pcie_rx=3000000 gpu0.memory_utilization=40 gpu0.encoder=12 >/dev/null
	uses steam 0 9000 --gpu 0
	screen_start one 80 24 bolt monitor --real-time
	screen_like 'one GPU' one '^ +0 .*steam 9\.0G'
	load "$T/one" 0 10 97 2
	picture one monitor-80x24-1 'bolt monitor --real-time, 80x24, 1 GPU'
	tmux_ resize-window -t one -x 200 -y 60
	shows one 'USED BY'
	load "$T/one" 0 97 40 -2
	picture one monitor-200x60-1 'bolt monitor --real-time, 200x60, 1 GPU'
	# What does not change is not sent again.
	tmux_ pipe-pane -t one "cat >'$T/one.bytes'"
	sleep 1
	tmux_ pipe-pane -t one
	check 'little is sent for a sample' test "$(wc -c <"$T/one.bytes")" -lt 20000
	unlike 'the screen is never cleared' $'\e\\[2?J' "$(cat "$T/one.bytes")"
	keys one q
	bolt capsule rm -f steam >/dev/null
}

# What a terminal gets, read as a terminal reads it: nothing is cleared to be drawn again, and over a slow line it is little.
calm() {
	local redraws median longest clears flickering said
	export NVBIND_ROOT=$T/eight
	nvbind-sim set "$T/eight" vary=on 'gpu*.utilization=60' 'gpu*.pcie_rx=400000' >/dev/null
	said=$(NVBIND_ROOT=$T/eight python3 "$NVB_SOURCE/tests/integration/programs/screen_writes.py" "$1" "$2" 5 bolt monitor --gpu --interval 200ms)
	echo "# $1x$2: ${said##*$'\n'}"
	eval "$(tail -n 1 <<<"$said" | tr ' ' ';')"
	check "$1x$2: it is drawn again and again" test "${redraws:-0}" -ge 10
	is "$1x$2: and never cleared" 0 "$clears"
	check "$1x$2: no cell shows anything in between" test $((flickering * 10)) -le "$redraws"
	check "$1x$2: bytes of a redraw" test "$median" -le "$3"
	like "$1x$2: what came is the screen" '^#  +7  H200 ' "$said"
}

many() {
	local g
	export NVBIND_ROOT=$T/many
	nvbind-sim set "$T/many" vary=on >/dev/null
	for ((g = 0; g < 64; g += 3)); do
		nvbind-sim set "$T/many" "gpu$g.utilization=$((g + 30))" "gpu$g.power=$((150 + g * 7))" "gpu$g.temperature=$((40 + g / 2))" >/dev/null
	done
	nvbind mig apply --no-refresh - >/dev/null 2>&1 <<-'END'
		version: v1
		mig-configs:
		  some:
		  - {devices: [3], mig-enabled: true, mig-devices: {"1g.18gb": 3, "3g.71gb": 1}}
	END
	uses trainer 0 91000 --gpu 0 --gpu 1 --gpu 2
	uses part 0 4000 --gpu 3:1
	nvbind-sim fail "$T/many" gpu 7 xid 79 >/dev/null
	screen_start many 80 24 bolt monitor --real-time
	screen_like 'a list that can be scrolled' many '1-[0-9]+ of 68'
	screen_like 'MIG devices have lines' many '3:1 +[0-9]g\.[0-9]+gb .*part 4\.'
	screen_like 'and utilisation is not made up' many '^ +3 .* n/a '
	sleep 0.7
	picture many monitor-80x24-64 'bolt monitor --real-time, 80x24, 64 GPUs'
	keys many End
	screen_like 'to the end of it' many '^ +63 +H200'
	keys many Home m
	screen_like 'MIG lines can be hidden' many 'of 64'
	keys many m
	tmux_ resize-window -t many -x 200 -y 60
	shows many 'NVLINK RX/TX'
	sleep 3
	picture many monitor-200x60-64 'bolt monitor --real-time, 200x60, 64 GPUs'
	keys many q
	nvbind-sim fail "$T/many" gpu 7 none >/dev/null
	bolt capsule rm -f trainer part >/dev/null
}

# A terminal lives in the world that it was opened in.
world() {
	"$@"
	tmux_ kill-server
}
own_state world eight
own_state world one
own_state world many
own_state calm 80 24 1000
own_state calm 200 60 4000
