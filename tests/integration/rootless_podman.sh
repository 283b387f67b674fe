#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman without root gets its GPUs by CDI: an ordinary user names a device of the spec in /var/run/cdi, and the
# container has that GPU, the driver's files, the links and the linker's cache that the hook makes, and nothing else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/user.sh"
need_root
need nvbind nvbind-sim nvbind-hook podman jq cc
has_user || skip 'there is no ordinary user who could run podman here'

make_sim h200x8 "$T/host"
make_sim a100x8-mig "$T/mig"
make_glibc_root "$T/rootfs"
libc=$(find "$T/rootfs" -name libc.so.6 | head -n 1)
cc -O1 -nodefaultlibs -Wl,--allow-shlib-undefined -o "$T/rootfs/dlopen_all" \
	"$NVB_SOURCE/tests/integration/programs/dlopen_all.c" "$libc" -lgcc
tar --numeric-owner -C "$T/rootfs" -cf "$T/rootfs.tar" .
[ -d /var/run/cdi ] || defer rmdir --ignore-fail-on-non-empty /var/run/cdi
mkdir -p /var/run/cdi

# A host with that driver for who runs in it: its nodes in /dev, where the runtimes of a user namespace take them from
# (they bind what a spec's path names, whatever hostPath says), its spec where podman looks. podman leaves a process that
# keeps its user namespace; it ends with the pid namespace.
on_host() { # MACHINE COMMAND...
	local functions
	functions=$(declare -f)
	unshare -m -p --fork --kill-child --propagation private --mount-proc bash -c "set -euo pipefail
LIB_PID=none
$functions
host_enter \"\$@\"" bash "$@"
}

host_enter() {
	local machine=$1
	shift
	! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
	mount -t overlay overlay -o "lowerdir=$machine/dev:/dev" /dev
	mount -t devpts devpts /dev/pts
	mount -t tmpfs none /dev/shm
	mount -t tmpfs none /var/run/cdi
	nvbind cdi generate --root "$machine" --dev-root / --output /var/run/cdi/
	user_enter 65536 "$@"
}

engine() {
	podman --root "$HOME/store" --runroot "$XDG_RUNTIME_DIR/podman" --storage-driver vfs --cgroup-manager cgroupfs \
		--events-backend file ${RUNTIME:+--runtime "$RUNTIME"} "$@"
}
run() {
	engine run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@" </dev/null
}
# Through a file: once the output of such a short container did not come out of podman 4.3, which ended with 0.
nodes() {
	mkdir -p "$HOME/out"
	run -v "$HOME/out:/out" "${@:2}" nvb-test:1 /bin/sh -c "cd /dev && ls -d $1 >/out/nodes 2>/dev/null" || [ -e "$HOME/out/nodes" ]
	tr '\n' ' ' <"$HOME/out/nodes"
	rm "$HOME/out/nodes"
}

import() {
	cd "$HOME"
	engine import "$T/rootfs.tar" nvb-test:1 >/dev/null 2>&1 || {
		echo '# podman import does not work without root here'
		return 1
	}
}

gpus() {
	local out
	# shellcheck disable=SC2016
	out=$(run --device nvidia.com/gpu=2 nvb-test:1 /bin/sh -c 'cd /dev; echo nodes: nvidia*; cat /proc/self/uid_map
		echo given: $( (: </dev/nvidia2) 2>&1); echo made: $(mknod /tmp/n c 195 5 2>&1); echo $NVIDIA_VISIBLE_DEVICES
		cd /usr/lib/x86_64-linux-gnu && [ -L libcuda.so.1 ] && [ -s libcuda.so.1 ] && echo link
		nvidia-smi -L; /dlopen_all libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libnvidia-encode.so.1 &&
		echo found; touch /usr/lib/x86_64-linux-gnu/libcuda.so.1 2>&1' 2>&1) || :
	like "$RUNTIME: the container runs in the user's namespace" "^ +0 +$NVB_TEST_UID +1\$" "$out"
	like "$RUNTIME: GPU 2 and no other" '^nodes: nvidia-modeset nvidia-uvm nvidia-uvm-tools nvidia2 nvidiactl$' "$out"
	like "$RUNTIME: its node can be opened" 'given:.*No such device' "$out"
	like "$RUNTIME: nobody makes another" 'made:.*not permitted' "$out"
	like "$RUNTIME: the hook made the links" '^link$' "$out"
	like "$RUNTIME: and the linker's cache" '^found$' "$out"
	is "$RUNTIME: nvidia-smi lists that GPU" 1 "$(grep -c '^GPU .*H200' <<<"$out")"
	like "$RUNTIME: NVIDIA's own runtime is told to leave it alone" '^void$' "$out"
	is "$RUNTIME: two GPUs" 'nvidia0 nvidia5 ' "$(nodes 'nvidia[0-9]*' --device nvidia.com/gpu=0 --device nvidia.com/gpu=5)"
	is "$RUNTIME: all" 8 "$(nodes 'nvidia[0-9]*' --device nvidia.com/gpu=all | wc -w)"
	is "$RUNTIME: without --device there is none" '' "$(nodes 'nvidia*' || true)"
	is "$RUNTIME: a read-only container finds the libraries, too" found \
		"$(run --read-only --device nvidia.com/gpu=0 nvb-test:1 /bin/sh -c '/dlopen_all libcuda.so.1 >/dev/null && echo found')"
	is "$RUNTIME: a device that is not there" 1 "$(run --device nvidia.com/gpu=9 nvb-test:1 /bin/true 2>&1 | grep -c unresolvable)"
}

each_runtime() {
	import || return 0
	for RUNTIME in crun runc; do
		command -v "$RUNTIME" >/dev/null || continue
		run nvb-test:1 /bin/true >"$T/log" 2>&1 || {
			echo "# podman runs no container with $RUNTIME here: $(tail -n 1 "$T/log")"
			continue
		}
		"$@"
	done
	same_spec
}

# Whoever may not write /etc/cdi can still make the spec, for a podman whose containers.conf names another directory.
same_spec() {
	is 'a user generates what root generates' "$(grep -v '^#' /var/run/cdi/nvidia.com-gpu.yaml)" \
		"$(nvbind cdi generate --root "$T/host" --dev-root / | grep -v '^#')"
}

mig() {
	local wanted
	import || return 0
	RUNTIME=$(basename "$(command -v crun || command -v runc)")
	wanted=$(nvbind cdi show --format json nvidia.com/gpu=0:1 | jq -r '.devices[0].containerEdits.deviceNodes[].path' | sort)
	is 'a MIG device: its GPU and its two capability nodes' "$wanted" \
		"$(run --device nvidia.com/gpu=0:1 nvb-test:1 /bin/sh -c 'ls /dev/nvidia[0-9]* /dev/nvidia-caps/*' | sort)"
}

on_host "$T/host" each_runtime gpus
grep -q '^ok' "$LIB_RESULTS" || skip 'podman runs no container without root here'
on_host "$T/mig" mig
