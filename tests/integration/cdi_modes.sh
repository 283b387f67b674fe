#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Specs and plans of what stands beside GPUs: GPUDirect Storage, InfiniBand, GDRCopy, NVSwitches, IMEX channels, MIG's
# rights, and all nodes for management.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook jq

make_sim h200x8 "$T/h200"
make_sim gb200x4 "$T/gb200"
make_sim rtx4090x1 "$T/rtx"
make_sim a100x8-mig "$T/mig"

spec() { # MODE ROOT OPTION...
	nvbind cdi generate --mode "$1" --root "$T/$2" --format json "${@:3}"
}
nodes() { jq -r '[.devices[0].containerEdits.deviceNodes[].path | sub("/dev/"; "")] | join(" ")'; }
names() { jq -r '[.kind] + [.devices[].name] | join(" ")'; }

is 'GPUDirect Storage' 'nvidia.com/gds all' "$(spec gds h200 | names)"
is 'has its nodes' 16 "$(spec gds h200 | jq '.devices[0].containerEdits.deviceNodes | length')"
is 'and what libcufile reads of the host' '/etc/cufile.json /run/udev' \
	"$(spec gds h200 | jq -r '[.containerEdits.mounts[].containerPath] | join(" ")')"
mkdir -p "$T/h200/usr/local/cuda/gds"
mv "$T/h200/etc/cufile.json" "$T/h200/usr/local/cuda/gds/"
ln -s /usr/local/cuda/gds/cufile.json "$T/h200/etc/cufile.json"
is 'settings behind a link keep the name that is looked for' "$T/h200/usr/local/cuda/gds/cufile.json /etc/cufile.json" \
	"$(spec gds h200 | jq -r '.containerEdits.mounts[] | select(.containerPath == "/etc/cufile.json") | .hostPath + " " + .containerPath')"
is 'InfiniBand' 'nvidia.com/mofed all' "$(spec mofed h200 | names)"
is 'has the verbs and the connection manager' \
	'infiniband/rdma_cm infiniband/uverbs0 infiniband/uverbs1 infiniband/uverbs2 infiniband/uverbs3 infiniband/uverbs4 infiniband/uverbs5 infiniband/uverbs6 infiniband/uverbs7' \
	"$(spec mofed h200 | nodes)"
is 'GDRCopy' 'nvidia.com/gdrcopy all' "$(spec gdrcopy h200 | names)"
is 'has its node' gdrdrv "$(spec gdrcopy h200 | nodes)"
is 'NVSwitches' 'nvidia.com/nvswitch all' "$(spec nvswitch h200 | names)"
is 'have theirs' 'nvidia-nvswitch0 nvidia-nvswitch1 nvidia-nvswitch2 nvidia-nvswitch3 nvidia-nvswitchctl' \
	"$(spec nvswitch h200 | nodes)"
like 'and the socket of the fabric manager' /run/nvidia-fabricmanager/socket "$(spec nvswitch h200)"
is 'IMEX channels can be given one by one' 'nvidia.com/imex-channel 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 all' \
	"$(spec imex gb200 | names)"
is 'or some of them' 'nvidia.com/imex-channel 3 7 all' "$(spec imex gb200 --imex-channel 3 --imex-channel 7 | names)"
is 'a channel is its node' nvidia-caps-imex-channels/channel3 "$(spec imex gb200 --imex-channel 3 | nodes)"

is 'management' 'management.nvidia.com/gpu all' "$(spec management h200 | names)"
is 'has every node of the driver' \
	'nvidiactl nvidia-uvm nvidia-uvm-tools nvidia-modeset nvidia0 nvidia1 nvidia2 nvidia3 nvidia4 nvidia5 nvidia6 nvidia7 nvidia-caps/nvidia-cap1 nvidia-caps/nvidia-cap2' \
	"$(spec management h200 | nodes | tr ' ' '\n' | awk '{print /ctl/ ? 0 : /uvm$/ ? 1 : /tools/ ? 2 : /modeset/ ? 3 : /caps/ ? 5 : 4, $0}' | sort -s -k1,1n | cut -d' ' -f2 | tr '\n' ' ' | sed 's/ $//')"
is 'but not those with drivers of their own' '' "$(spec management h200 | nodes | grep -oE 'nvidia-fs|nvswitch|uverbs' || true)"
check 'the driver' jq -e '[.containerEdits.mounts[].containerPath | select(contains("libcuda.so"))] | length == 1' <(spec management h200)
check 'and a hook' jq -e '.containerEdits.hooks | length == 1' <(spec management h200)
like 'IMEX channels too' 'channel15' "$(spec management gb200 | nodes)"
is 'of divided GPUs every instance' "$(find "$T/mig/proc/driver/nvidia/capabilities" -name access | wc -l)" \
	"$(spec management mig | jq '[.devices[0].containerEdits.deviceNodes[].path | select(contains("nvidia-cap")) |
		select(test("nvidia-cap[12]$") | not)] | unique | length')"
for mode in gds mofed gdrcopy nvswitch management; do
	spec "$mode" h200 >"$T/$mode.json"
	check "--mode $mode: a valid spec" nvbind cdi validate "$T/$mode.json"
	is "--mode $mode: nothing twice" '' "$(jq -r '.devices[0].containerEdits.deviceNodes[].path' "$T/$mode.json" | sort | uniq -d)"
done

# --- plans -----------------------------------------------------------------------------------------------------------

plan() { nvbind plan --root "$T/h200" --format json "$@" | jq -r '[.edits[] | select(.kind == "device") | .path + " " + .access] | join(",")'; }
like 'rights of MIG are opened for reading' '/dev/nvidia-caps/nvidia-cap1 r,/dev/nvidia-caps/nvidia-cap2 r' \
	"$(plan --gpu 0 --feature mig-config,mig-monitor)"
is 'features alone bring no GPU' '/dev/gdrdrv rw' "$(plan --gpu none --feature gdrcopy)"
like 'beside a GPU they come too' '/dev/gdrdrv rw,/dev/nvidia2 rw' "$(plan --gpu 2 --feature gdrcopy)"

# --- bad input -------------------------------------------------------------------------------------------------------

refuses 'what this host does not have' 1 'does not have GPUDirect Storage' nvbind cdi generate --mode gds --root "$T/rtx"
refuses 'a plan with it' 1 'does not have GDRCopy' nvbind plan --root "$T/rtx" --feature gdrcopy
refuses 'no channels' 1 'does not have any IMEX channel' nvbind cdi generate --mode imex --root "$T/h200"
refuses 'a channel that is not there' 1 'no IMEX channel 99' nvbind cdi generate --mode imex --root "$T/gb200" --imex-channel 99
refuses 'a channel that is none' 1 "'x' names no IMEX channels" nvbind plan --root "$T/gb200" --imex-channel x
refuses 'channels of another mode' 1 'is for .--mode imex. alone' nvbind cdi generate --root "$T/gb200" --imex-channel 1
refuses 'a mode that is none' 2 'gdrcopy, nvswitch, imex, management' nvbind cdi generate --root "$T/h200" --mode nvml
refuses 'a feature that is none' 2 'mig-config' nvbind plan --root "$T/h200" --feature mig
refuses 'management of one GPU' 1 "management brings all GPUs: '2'" nvbind plan --root "$T/h200" --gpu 2 --feature management
refuses 'a layout of nothing' 1 "which '--mode gds' has none of" nvbind cdi generate --root "$T/h200" --mode gds --layout tree
