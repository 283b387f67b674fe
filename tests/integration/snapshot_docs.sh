#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What README.md and docs/snapshots.md show of snapshots works as it is typed there, one line after the other.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt nvbind-sim jq runc
need_criu
export ROOT=$T/root
make_counter_root "$ROOT"
# Another GPU takes driver 580.
sed 's/^driver = .*/driver = "580.65.06"/; s/^cuda = .*/cuda = "13.0"/' "$NVB_SOURCE/sim/scenarios/h200x8.toml" >"$T/new.toml"
make_sim "$T/new.toml" "$T/host"
export NVBIND_ROOT=$T/host

# type_lines WHAT FILE REGEX LEAST: the indented lines of a document in which that is found, so many at least.
type_lines() {
	local what=$1 line lines=0
	while IFS= read -r line; do
		lines=$((lines + 1))
		(cd "$T" && bash -c "$line") >"$T/out" 2>&1 </dev/null || fail "$WORLD: $what: $line" "$(cat "$T/out")"
	done < <(grep -E "^    .*($3)" "$2" | sed 's/^    //')
	check "$WORLD: $what: $lines lines as they are typed" test "$lines" -ge "$4"
}

readme() {
	bolt image import "$ROOT" nvbind/base >/dev/null
	mkdir -p "$T/build" && ln -sfn "$NVB_BUILD/bin" "$T/build/bin"
	type_lines README.md "$NVB_SOURCE/README.md" 'bolt capsule (create|start|snapshot|restore|stop) .*box|bolt snapshot ls' 7
	is "$WORLD: it runs at the end" running "$(shown box | cut -d' ' -f2)"
	remember box
	bolt capsule rm -f box >/dev/null
	bolt snapshot rm $(bolt snapshot ls -q) >/dev/null
}

page() {
	local page=$NVB_SOURCE/docs/snapshots.md
	counter trainer 0 8
	type_lines 'taking and restoring' "$page" 'bolt capsule [a-z]+ trainer' 8
	check "$WORLD: it counts" goes_on trainer
	check "$WORLD: its twin, too" goes_on twin
	is "$WORLD: on its GPU" "$(uuid_of 1 | tr -d -)" "GPU$(field twin 2)"
	bolt capsule stop trainer >/dev/null
	type_lines 'keeping house' "$page" 'bolt snapshot [a-z]+ .*(trainer|#)' 8
	is "$WORLD: three are kept" 3 "$(bolt snapshot ls -q trainer | wc -l)"
	remember twin
	bolt capsule rm -f trainer twin >/dev/null
}

world() {
	trap end_capsules EXIT
	readme
	page
	is "$WORLD: nothing is left" '' "$(leaked)"
}

RUNTIME=runc
if runtime_works runc v1; then WORLD='runc v1' version=v1; else WORLD='runc v2' version=v2; fi
export RUNTIME WORLD
"with_cgroup_$version" surge_state world
