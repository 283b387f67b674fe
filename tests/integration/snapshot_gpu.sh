#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program with GPU memory goes on from where it was: in the same capsule, in a new one, on another GPU, from a copied
# state directory, and after a hundred times. Nothing is left behind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt nvbind-sim jq runc
need_criu
export ROOT=$T/root
make_counter_root "$ROOT"
# Eight GPUs of one chip and a ninth of another, with a driver that can change GPUs.
{
	sed 's/^driver = .*/driver = "580.65.06"/; s/^cuda = .*/cuda = "13.0"/' "$NVB_SOURCE/sim/scenarios/h200x8.toml"
	sed -n '/^\[\[gpu\]\]/,$p' "$NVB_SOURCE/sim/scenarios/rtx4090x1.toml" | sed 's/0000:01:00.0/0000:ee:00.0/'
} >"$T/nine.toml"
make_sim "$T/nine.toml" "$T/host"
export NVBIND_ROOT=$T/host

same_capsule() {
	local before supervisor
	counter one "$ONE" 8
	check "$WORLD: it counts" goes_on one
	check "$WORLD: and changes" changed one
	is "$WORLD: it is on its GPU" "${UUID_ONE//-/}" "GPU$(field one 2)"
	like "$WORLD: nothing is against a snapshot" '^$' "$(bolt capsule snapshot one --check)"
	check "$WORLD: snapshot, running on" bolt capsule snapshot one --leave-running
	check "$WORLD: it runs on" goes_on one
	before=$(count_of one)
	check "$WORLD: snapshot" bolt capsule snapshot one
	is "$WORLD: it has stopped" exited "$(shown one | cut -d' ' -f2)"
	is "$WORLD: its GPU is free" 0 "$(used "$ONE")"
	check "$WORLD: restore" bolt capsule restore one@latest
	check "$WORLD: it runs" runs one
	check "$WORLD: it counts on" goes_on one
	check "$WORLD: from where it was" beyond one "$before"
	check "$WORLD: all of its memory is what it was" whole one
	is "$WORLD: with what was changed" 000001 "$(field one 3)"
	supervisor=$(supervisor_of one)
	check "$WORLD: it has a supervisor" test -d "/proc/$supervisor"
	check "$WORLD: exec works in it" bolt capsule exec one true
	refuses "$WORLD: no restore into one that runs" 1 'run' bolt capsule restore one@latest
	check "$WORLD: stop" bolt capsule stop -t 0 one
}

new_capsule() {
	check "$WORLD: restore into a new capsule" bolt capsule restore one@latest --name two
	check "$WORLD: it counts on" goes_on two
	check "$WORLD: all of its memory is what it was" whole two
	is "$WORLD: the first one stays as it was" exited "$(shown one | cut -d' ' -f2)"
	refuses "$WORLD: not twice by one name" 1 'two' bolt capsule restore one@latest --name two
	bolt capsule rm -f two >/dev/null
}

other_gpu() {
	check "$WORLD: restore on another GPU" bolt capsule restore one@latest --name three --gpu "$UUID_ONE=$UUID_TWO"
	check "$WORLD: it counts on" goes_on three
	is "$WORLD: there" "${UUID_TWO//-/}" "GPU$(field three 2)"
	check "$WORLD: with all of its memory" whole three
	is "$WORLD: the first one is free" 0 "$(used "$ONE")"
	bolt capsule rm -f three >/dev/null
	refuses "$WORLD: another chip is refused" 1 'another chip' bolt capsule restore one@latest --name three --gpu "$UUID_ONE=$UUID_OTHER"
	refuses "$WORLD: so is a GPU that is not there" 1 'not here|no GPU|GPU-0' \
		bolt capsule restore one@latest --name three --gpu "$UUID_ONE=GPU-00000000-0000-0000-0000-000000000001"
	refuses "$WORLD: and one that the snapshot has not" 1 'from 0 to 0' bolt capsule restore one@latest --name three --gpu 3=4
	refuses "$WORLD: and half a word" 1 'which GPU becomes which' bolt capsule restore one@latest --name three --gpu 0=
	is "$WORLD: nothing of it is left" '' "$(shown three)"
}

# Both of two GPUs change, each into one that the other was on.
two_gpus() {
	bolt capsule create pair --image "$ROOT" --runtime "$RUNTIME" --gpu "$ONE" --gpu "$TWO" -- \
		sh -c 'gpu-counter /first 0 2 & gpu-counter /count 1 2; wait' >/dev/null
	remember pair
	bolt capsule start pair >/dev/null
	eventually counts pair
	eventually bolt capsule exec pair test -s /first
	bolt capsule snapshot pair >/dev/null
	refuses "$WORLD: one GPU for two" 1 'which of them' bolt capsule restore pair --name swapped --gpu 5
	refuses "$WORLD: two on one" 1 'two GPUs of the snapshot would become' bolt capsule restore pair --name swapped --gpu 0=5 --gpu 1=5
	check "$WORLD: two GPUs change places" bolt capsule restore pair --name swapped --gpu "$UUID_ONE=$UUID_TWO" --gpu "$UUID_TWO=$UUID_ONE"
	check "$WORLD: it counts on" goes_on swapped
	is "$WORLD: each on the other's" "${UUID_ONE//-/} ${UUID_TWO//-/}" \
		"GPU$(field swapped 2) GPU$(cut -d' ' -f2 "/proc/$(init_of swapped)/root/first")"
	bolt capsule rm -f pair swapped >/dev/null
}

copied() {
	cp -a "$BOLT_DATA" "$T/copy"
	bolt capsule rm -f one >/dev/null
	mount --bind "$T/copy" "$BOLT_DATA"
	check "$WORLD: a copy of the state directory has it, too" bolt capsule restore one@latest
	check "$WORLD: it counts on" goes_on one
	check "$WORLD: with all of its memory" whole one
	bolt capsule rm -f one >/dev/null
	umount "$BOLT_DATA"
	rm -rf "$T/copy"
}

hundred() {
	local i before
	counter often "$ONE" 4
	for ((i = 0; i < 100; i++)); do
		before=$(count_of often)
		bolt capsule snapshot often >"$T/said" 2>&1 && bolt capsule restore often@latest >>"$T/said" 2>&1 &&
			[ "$(count_of often)" -ge "$before" ] && [ "$(bolt snapshot prune often --keep 2 >>"$T/said" 2>&1; echo $?)" = 0 ] || break
	done
	is "$WORLD: 100 times taken and restored" 100 "$i"
	[ "$i" = 100 ] || cat "$T/said"
	check "$WORLD: it counts on" goes_on often
	check "$WORLD: with all of its memory" whole often
	bolt capsule rm -f often >/dev/null
}

world() {
	# Whatever ends the test, nothing runs on.
	trap end_capsules EXIT
	same_capsule
	new_capsule
	other_gpu
	two_gpus
	copied
	hundred
	is "$WORLD: nothing is left" '' "$(leaked)"
	is "$WORLD: no lease is left" '[]' "$(nvbind info --leases --format json)"
}

ONE=1 TWO=4
UUID_ONE=$(uuid_of 1) UUID_TWO=$(uuid_of 4) UUID_OTHER=$(uuid_of 8)
export ONE TWO UUID_ONE UUID_TWO UUID_OTHER
RUNTIME=runc
if runtime_works runc v1; then WORLD='runc v1' version=v1; else WORLD='runc v2' version=v2; fi
export RUNTIME WORLD
"with_cgroup_$version" surge_state world
