#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A change of MIG that fails, or whose maker is killed, at each of its steps: what was there before is there afterwards.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim
make_sim a100x8-mig "$T/host"
export NVBIND_ROOT=$T/host

cat >"$T/config.yaml" <<'END'
version: v1
mig-configs:
  other:
  - devices: [0]
    mig-enabled: true
    mig-devices: {1g.10gb: 2, 2g.20gb: 1, 3g.40gb: 1}
  off:
  - devices: [0]
    mig-enabled: false
END
mig() { nvbind mig "$@"; }
present() { mig list --gpu 0 --format json; }
before=$(present)
nodes=$(ls "$T/host/dev/nvidia-caps")

steps=$(mig apply --dry-run --config other "$T/config.yaml" | wc -l)
off=$(mig apply --dry-run --config off "$T/config.yaml" | wc -l)
is 'replacing three instances takes fourteen steps' 14 "$steps"
is 'switching off takes seven' 7 "$off"

try() { # CONFIG STEP TRAP
	local status=0 what="$1, step $2, $3"
	nvbind-sim fail "$NVBIND_ROOT" gpu 0 mig "$2" "$3"
	mig apply --config "$1" --no-refresh "$T/config.yaml" >"$T/out" 2>&1 || status=$?
	case $3 in
	kill-*)
		is "$what: it is killed" 137 "$status"
		check "$what: a record is left" test -s "$NVBIND_ROOT/run/nvbind/mig/before"
		like "$what: list says so" 'cut off' "$(mig list 2>&1)"
		like "$what: the next change puts it back" 'has been put back' "$(mig recover 2>&1)"
		;;
	*)
		is "$what: it fails" 1 "$status"
		;;
	esac
	is "$what: what was there is there" "$before" "$(present)"
	is "$what: the nodes are there" "$nodes" "$(ls "$NVBIND_ROOT/dev/nvidia-caps")"
	check "$what: no record is left" test ! -e "$NVBIND_ROOT/run/nvbind/mig/before"
	is "$what: no lease is left" 'Nobody holds a GPU' "$(nvbind info --leases)"
	nvbind-sim fail "$NVBIND_ROOT" gpu 0 none
}

for ((step = 1; step <= steps; step++)); do
	try other "$step" kill-before
	try other "$step" kill-after
	try other "$step" unknown
done
for ((step = 1; step <= off; step++)); do
	try off "$step" kill-after
	try off "$step" in-use
done

# Killed while it puts things back: the record outlives that as well.
nvbind-sim fail "$NVBIND_ROOT" gpu 0 mig 6 kill-after
mig apply --config other --no-refresh "$T/config.yaml" >/dev/null 2>&1 || true
nvbind-sim fail "$NVBIND_ROOT" gpu 0 mig 2 kill-after
mig recover >/dev/null 2>&1 || true
check 'killed twice: the record is left' test -s "$NVBIND_ROOT/run/nvbind/mig/before"
mig create --gpu 4 --no-refresh 7g.80gb >/dev/null 2>"$T/err"
like 'any change puts it back first' 'has been put back' "$(cat "$T/err")"
is 'killed twice: what was there is there' "$before" "$(present)"

# What cannot be put back is said, and kept for the next time; or forgotten.
nvbind-sim fail "$NVBIND_ROOT" gpu 0 mig 4 kill-after
mig apply --config other --no-refresh "$T/config.yaml" >/dev/null 2>&1 || true
nvbind-sim fail "$NVBIND_ROOT" gpu 0 mig 1 no-resources
mig destroy 4:0 >/dev/null 2>"$T/err" && status=0 || status=$?
is 'a change is refused while an earlier one hangs' 1 "$status"
like 'and says so' 'cannot be put back' "$(cat "$T/err")"
like 'and what to do' 'recover --forget' "$(cat "$T/err")"
check 'forgetting it' mig recover --forget
check 'then changes go on' mig destroy --no-refresh 4:0

# A record that is damaged is not followed.
printf 'nvbind-mig 1\nprocess 1 1\ngpu 0000:07:00.0 on\ninstance 9 0+99\nend\n' >"$NVBIND_ROOT/run/nvbind/mig/before"
mig create --gpu 4 1g.10gb >/dev/null 2>"$T/err" && status=0 || status=$?
is 'a damaged record is refused' 1 "$status"
like 'with its line' 'line 4 is damaged' "$(cat "$T/err")"
rm "$NVBIND_ROOT/run/nvbind/mig/before"
chmod 777 "$NVBIND_ROOT/run/nvbind/mig"
mig create --gpu 4 1g.10gb >/dev/null 2>"$T/err" && status=0 || status=$?
is 'a directory where anybody may write is refused' 1 "$status"
like 'and why' 'others than root may write' "$(cat "$T/err")"
