# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests of `monitor` share; sourced after surge.sh and capsule_lib.sh.

export toy=$NVB_BUILD/tests/integration/cuda-toy

# uses NAME DEVICE MIB [OPTION...]: a capsule whose program has that much memory on its DEVICEth GPU, and waits for it.
uses() {
	local name=$1 device=$2 mib=$3
	shift 3
	bolt capsule create "$name" --image "$T/base" --stop-signal KILL -v "$toy:/toy:ro" "$@" -- \
		sh -c "sleep 1000 | /toy hold $device $mib" >/dev/null
	bolt capsule start "$name" >/dev/null
	until_true eval "nvbind monitor --once --format json | jq -e '[.gpus[].processes[] | select(.owner_name == \"$name\")] | length > 0'" ||
		fail "$name uses a GPU" "$(nvbind monitor --once)"
}

# pid_of NAME: the process of a capsule that uses a GPU.
pid_of() {
	nvbind monitor --once --format json |
		jq -r "first(.gpus[].processes[] | select(.owner_name == \"$1\") | .pid)"
}

# A terminal: tmux's own server, ended with the test.
tmux_() { tmux -L "$(basename "$T")" -f /dev/null "$@"; }

# screen_start NAME COLUMNS LINES COMMAND...
screen_start() {
	local name=$1 columns=$2 lines=$3
	shift 3
	tmux_ new-session -d -s "$name" -x "$columns" -y "$lines" \
		"env PATH='$PATH' LC_ALL=C.UTF-8 NVBIND_ROOT='${NVBIND_ROOT:-}' $* 2>'$T/$name.error'; echo \"left-\$?\"; sleep 1000"
}
screen_of() { tmux_ capture-pane -p -t "$1"; }
keys() { tmux_ send-keys -t "$@"; }
# shows NAME REGEX: waits until the screen has it.
shows() { until_true eval "screen_of '$1' | grep -qE -e '$2'"; }
# screen_like WHAT NAME REGEX
screen_like() {
	if shows "$2" "$3"; then
		pass "$1"
	else
		fail "$1" "no match of: $3" "$(screen_of "$2")"
	fi
}
# picture NAME FILE TITLE: an SVG of the screen, for docs/screens (NVB_TEST_SCREENS names where to keep them).
picture() {
	local size
	size=$(tmux_ display-message -p -t "$1" '#{pane_width} #{pane_height}')
	# shellcheck disable=SC2086
	tmux_ capture-pane -e -N -p -t "$1" |
		python3 "$NVB_SOURCE/tests/integration/programs/screen_svg.py" $size "$3" >"$T/$2.svg"
	[ -z "${NVB_TEST_SCREENS:-}" ] || cp "$T/$2.svg" "$NVB_TEST_SCREENS/"
}
