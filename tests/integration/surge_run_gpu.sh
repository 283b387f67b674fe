#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run: a container has exactly the GPUs it was given and finds the driver; its upper directory has nothing
# of ours; what cannot be is refused and leaves nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc nvbind-sim

export ROOT=$T/root LINKED=$T/linked
make_glibc_root "$ROOT"
make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host

# The nodes of GPUs that exist inside, and those that can be opened (a simulated node that may be opened answers
# ENXIO, one that may not EPERM).
nodes='ls /dev | grep "^nvidia[0-9]" | tr "\n" " "'
uuid() { sed -n 's/^GPU UUID:[[:space:]]*//p' "$(grep -l "Device Minor:[[:space:]]*$1\$" "$T"/host/proc/driver/nvidia/gpus/*/information)"; }
export nodes minor
# Number 2 in PCI order; the node is named by its minor, which is another number.
third=$(printf '%s\n' "$T"/host/proc/driver/nvidia/gpus/* | sort | sed -n 3p)
minor=$(sed -n 's/^Device Minor:[[:space:]]*//p' "$third/information")

selections() {
	is "$WORLD: no GPU without asking" '' "$(inside -- "$nodes")"
	is "$WORLD: --gpu all" 8 "$(inside --gpu all -- "$nodes" | wc -w)"
	is "$WORLD: --gpu 2 is the third in PCI order" "nvidia$minor " "$(inside --gpu 2 -- "$nodes")"
	is "$WORLD: --gpu twice" 2 "$(inside --gpu 2 --gpu 5 -- "$nodes" | wc -w)"
	is "$WORLD: --gpu gpu:2" "nvidia$minor " "$(inside --gpu gpu:2 -- "$nodes")"
	is "$WORLD: --gpu by UUID" "nvidia$minor " "$(inside --gpu "$(uuid "$minor")" -- "$nodes")"
	is "$WORLD: --gpus 2 is two" 2 "$(inside --gpus 2 -- "$nodes" | wc -w)"
	is "$WORLD: --gpus device=2" "nvidia$minor " "$(inside --gpus '"device=2"' -- "$nodes")"
	is "$WORLD: --device nvidia.com/gpu=2" "nvidia$minor " "$(inside --device nvidia.com/gpu=2 -- "$nodes")"
	is "$WORLD: --cdi-device nvidia.com/gpu=2" "nvidia$minor " "$(inside --cdi-device nvidia.com/gpu=2 -- "$nodes")"
	is "$WORLD: --gpu none" '' "$(inside --gpu none -- "$nodes")"
}

isolation() {
	like "$WORLD: the GPU that was given may be opened" 'No such device' "$(inside --gpu 2 -- ": </dev/nvidia$minor")"
	like "$WORLD: the control node, too" 'No such device' "$(inside --gpu 2 -- ': </dev/nvidiactl')"
	local other=$(((minor + 1) % 8))
	like "$WORLD: another GPU may not, whoever makes its node" 'not permitted' \
		"$(inside --gpu 2 -- "mknod /tmp/n c 195 $other && : </tmp/n")"
}

driver() {
	local text
	text=$(inside --gpu 2 -- 'nvidia-smi -L')
	is "$WORLD: nvidia-smi lists one GPU" 1 "$(grep -c '^GPU ' <<<"$text")"
	like "$WORLD: the one that was asked for" "H200.*$(uuid "$minor")" "$text"
	is "$WORLD: libcuda is found without LD_LIBRARY_PATH" '' "$(inside --gpu 2 -- 'echo $LD_LIBRARY_PATH')"
	is "$WORLD: read-only roots have it, too" 1 "$(inside --gpu 2 --read-only -- 'nvidia-smi -L' | grep -c '^GPU ')"
	is "$WORLD: without a network, too" 1 "$(inside --gpu 2 --network none -- 'nvidia-smi -L' | grep -c '^GPU ')"
	is "$WORLD: as another user, too" 1 "$(inside --gpu 2 -u 1000 -- 'nvidia-smi -L' | grep -c '^GPU ')"
	is_rootless || is "$WORLD: the image is as before" '' "$(find "$ROOT" -newer "$T/stamp" ! -type d)"
}

# An image whose driver directory is a link elsewhere must keep the link and what lies behind it.
linked_image() {
	local text
	text=$(surge --gpu 2 "$LINKED" sh -c 'readlink /usr/lib/x86_64-linux-gnu; ls /usr/lib/x86_64-linux-gnu/own; nvidia-smi -L' 2>&1)
	like "$WORLD: a linked library directory stays a link" '^../lib64$' "$text"
	like "$WORLD: and shows what it leads to" '^own$' "$text"
	like "$WORLD: and the driver works" "^GPU 0.*H200" "$text"
}

# What is left of a capsule that is kept is what its program wrote, and nothing else.
upper() {
	local data
	bolt surge run --runtime "$RUNTIME" --name kept --gpu 2 -v "$T:/mnt/deep/er" --tmpfs /t -w /work/dir "$ROOT" \
		sh -c 'echo mine >/written; nvidia-smi -L >/dev/null'
	data=$BOLT_DATA/capsules/$(readlink $BOLT_DATA/names/kept)
	is "$WORLD: the upper directory holds what the program wrote" ./written "$(cd "$data/upper" && find . -mindepth 1)"
	like "$WORLD: its record says how it ended" '^status 0$' "$(cat "$data/record")"
	like "$WORLD: bolt capsule ps lists it" 'kept .*ended with 0' "$(bolt capsule ps -a)"
	is "$WORLD: and as JSON" 'kept false 0' "$(bolt capsule ps -a --format json | jq -r '.[] | "\(.name) \(.running) \(.status)"')"
	refuses "$WORLD: its name is taken" 125 "bolt capsule rm kept" surge --name kept "$ROOT" true
	check "$WORLD: bolt capsule rm removes it" bolt capsule rm kept
	refuses "$WORLD: once" 1 "no capsule 'kept'" bolt capsule rm kept
}

refusals() {
	local before gone
	before=$(leftovers)
	refuses "$WORLD: a GPU that is not there" 125 '8' surge --gpu 8 "$ROOT" true
	refuses "$WORLD: a UUID that is not there" 125 'GPU-00000000' surge --gpu GPU-00000000-0000-0000-0000-000000000000 "$ROOT" true
	refuses "$WORLD: a selector that is none" 125 'x:y:z' surge --gpu x:y:z "$ROOT" true
	refuses "$WORLD: more GPUs than there are" 125 '9' surge --gpus 9 "$ROOT" true
	refuses "$WORLD: a CDI device that is not there" 125 'example.com/x=1' surge --device example.com/x=1 "$ROOT" true
	refuses "$WORLD: a capability that is none" 125 'fly' surge --gpu 0 --capabilities fly "$ROOT" true
	refuses "$WORLD: a root that is not there" 125 "$T/nowhere" surge --root "$T/nowhere" --gpu 0 "$ROOT" true
	mkdir -p "$T/empty"
	refuses "$WORLD: a host without a driver" 125 'no NVIDIA' surge --root "$T/empty" --gpu all "$ROOT" true
	if ! is_rootless; then
		gone=$T/host/dev/nvidia$minor
		mv "$gone" "$T/node"
		refuses "$WORLD: a node that is gone" 125 "nvidia$minor" surge --gpu 2 "$ROOT" true
		mv "$T/node" "$gone"
	fi
	is "$WORLD: refusals leave nothing" "$before" "$(leftovers)"
}

touch "$T/stamp"
cp -a "$ROOT" "$LINKED"
mkdir -p "$LINKED/usr/lib64/own"
rm -rf "$LINKED/usr/lib/x86_64-linux-gnu"
ln -s ../lib64 "$LINKED/usr/lib/x86_64-linux-gnu"
touch "$LINKED/usr/lib64/own/own"

world() {
	selections
	isolation
	driver
	linked_image
	upper
	refusals
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world world
each_user_world world ROOT LINKED
