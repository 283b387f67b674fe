#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime in front of podman's runtime without root: nodes are bound instead of made, what is kept between runs is
# the user's own, and a refusal reads as it does for root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/shim.sh"
. "$(dirname "$0")/user.sh"
need_root
need nvbind nvbind-runtime nvbind-sim nvbind-hook podman jq busybox
has_user || skip 'there is no ordinary user who could run podman here'

make_sim h200x8 "$T/host"
mkdir -p "$T/cdi" "$T/etc/nvbind"
make_busybox_root "$T/rootfs"
tar --numeric-owner -C "$T/rootfs" -cf "$T/rootfs.tar" .
export lib=/usr/lib/x86_64-linux-gnu

# A host with that driver: its nodes are in /dev, where a runtime of a user namespace takes them from. What podman leaves
# running ends with the pid namespace.
on_host() { # RUNTIME COMMAND...
	local functions
	functions=$(declare -f)
	printf '[roots]\ndriver = "%s"\nproc = "%s"\nsys = "%s"\n[cdi]\ndirectories = ["%s"]\n[runtime]\nruntimes = ["%s"]\n' \
		"$T/host" "$T/host" "$T/host" "$T/cdi" "$1" >"$T/etc/nvbind/config.toml"
	unshare -m -p --fork --kill-child --propagation private --mount-proc bash -c "set -euo pipefail
LIB_PID=none
$functions
host_enter \"\$@\"" bash "${@:2}"
}

host_enter() {
	! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
	mount -t overlay overlay -o "lowerdir=$T/host/dev:/dev" /dev
	mount -t devpts devpts /dev/pts
	mount -t tmpfs none /dev/shm
	mount -t overlay overlay -o "lowerdir=$T/etc:/etc" /etc
	user_enter 65536 "$@"
}

run() {
	podman --root "$HOME/store" --runroot "$XDG_RUNTIME_DIR/podman" --storage-driver vfs --cgroup-manager cgroupfs \
		--events-backend file --runtime "$1" run --rm --network none --ulimit nofile=1024:1024 \
		--ulimit nproc=1024:1024 "${@:2}" </dev/null
}
shim() { run "$NVB_BUILD/bin/nvbind-runtime" -e "NVIDIA_VISIBLE_DEVICES=$1" nvb-test:1 "${@:2}"; }

gpus() { # RUNTIME
	local out
	cd "$HOME"
	podman --root "$HOME/store" --runroot "$XDG_RUNTIME_DIR/podman" --storage-driver vfs --cgroup-manager cgroupfs \
		--events-backend file import "$T/rootfs.tar" nvb-test:1 >/dev/null 2>&1 || return 0
	run "$1" nvb-test:1 true >"$T/log" 2>&1 || {
		echo "# podman runs no container with $1 here: $(tail -n 1 "$T/log")"
		return 0
	}
	# shellcheck disable=SC2016
	out=$(shim 2 sh -c 'cd /dev; echo nodes: nvidia*; echo given: $( (: </dev/nvidia2) 2>&1)
		echo made: $(mknod /tmp/n c 195 5 2>&1); echo link: $(readlink '"$lib"'/libcuda.so.1)' 2>&1) || :
	like "$1: GPU 2 and no other" '^nodes: nvidia-uvm nvidia-uvm-tools nvidia2 nvidiactl$' "$out"
	like "$1: its node can be opened" 'given:.*No such device' "$out"
	like "$1: nobody makes another" 'made:.*not permitted' "$out"
	like "$1: the hook made the links" '^link: libcuda.so' "$out"
	is "$1: all" 8 "$(shim all sh -c 'cd /dev; ls -d nvidia[0-9]*' | wc -l)"
	is "$1: nothing asked" '' "$(shim void sh -c 'cd /dev; ls -d nvidia* 2>/dev/null' || :)"
	like "$1: the inventory is kept, by the user" "^$NVB_TEST_UID\$" "$(stat -c %u "$XDG_RUNTIME_DIR"/nvbind/inventory*)"
	like "$1: a GPU that is not there" '^Error: .*nvbind-runtime: no such GPU: 9 ' "$(shim 9 true 2>&1 || :)"
}

for runtime in crun runc; do
	! command -v "$runtime" >/dev/null || on_host "$runtime" gpus "$runtime"
done
grep -q '^ok' "$LIB_RESULTS" || skip 'podman runs no container without root here'
