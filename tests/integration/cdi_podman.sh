#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# podman reads our spec: the container has exactly the GPUs that were asked for, the driver's files, the links the hook
# makes, and its linker finds every library. podman 4.3 knows /etc/cdi and /var/run/cdi only, so the spec goes there,
# under a vendor nobody else has.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook podman runc jq cc

vendor=nvbtest$$-$RANDOM.example
defer rm -f "/var/run/cdi/$vendor-gpu.yaml" "/var/run/cdi/$vendor-gpu.json"
[ -d /var/run/cdi ] || defer rmdir --ignore-fail-on-non-empty /var/run/cdi
cgroup=nvb-test-$$-$RANDOM
remove_cgroups() { find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true; }
defer remove_cgroups

make_sim h200x8 "$T/host"
make_glibc_root "$T/rootfs"
# On a multiarch root the C library stands below lib/ARCH.
libc=$(find "$T/rootfs" -name libc.so.6 | head -n 1)
cc -O1 -nodefaultlibs -Wl,--allow-shlib-undefined -o "$T/rootfs/dlopen_all" \
	"$NVB_SOURCE/tests/integration/programs/dlopen_all.c" "$libc" -lgcc

# Stores of its own: nothing of this user's images or containers is touched. vfs works on every file system.
engine() {
	podman --root "$T/store" --runroot "$T/run" --storage-driver vfs --cgroup-manager cgroupfs --runtime runc \
		--events-backend file "$@"
}
run() {
	engine run --rm --network none --cgroup-parent "/$cgroup" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@" </dev/null
}
tar -C "$T/rootfs" -c . | engine import - nvb-test:1 >/dev/null 2>&1 || skip 'podman import does not work here'
run nvb-test:1 /bin/true >"$T/log" 2>&1 || skip "podman runs no container here: $(tail -n 1 "$T/log")"

nodes() { run "${@:2}" nvb-test:1 /bin/sh -c "cd /dev && ls -d $1 2>/dev/null" | tr '\n' ' '; }

try_spec() { # DESCRIPTION DIRECTORY-OF-LIBRARIES GENERATE-OPTION...
	local what=$1 directory=$2 uuid out
	shift 2
	rm -f "/var/run/cdi/$vendor-gpu".*
	check "$what: generate" nvbind cdi generate --root "$T/host" --vendor "$vendor" --output /var/run/cdi/ "$@"
	is "$what: GPU 2 and no other" 'nvidia2 ' "$(nodes 'nvidia[0-9]*' --device "$vendor/gpu=2")"
	is "$what: two GPUs" 'nvidia0 nvidia5 ' "$(nodes 'nvidia[0-9]*' --device "$vendor/gpu=0" --device "$vendor/gpu=5")"
	is "$what: all" 8 "$(nodes 'nvidia[0-9]*' --device "$vendor/gpu=all" | wc -w)"
	uuid=$(nvbind cdi list | sed -n "s|^$vendor/gpu=\(GPU-.*\)|\1|p" | head -n 1)
	is "$what: by UUID" 1 "$(nodes 'nvidia[0-9]*' --device "$vendor/gpu=$uuid" | wc -w)"
	like "$what: the control node comes along" nvidiactl "$(nodes 'nvidia*' --device "$vendor/gpu=2")"
	is "$what: without --device there is none" '' "$(nodes 'nvidia*' || true)"
	# A node that the device cgroup allows answers "no driver" (ENXIO) or opens; one that it does not, EPERM.
	# shellcheck disable=SC2016
	out=$(run --cap-add MKNOD --device "$vendor/gpu=2" nvb-test:1 /bin/sh -c 'mknod /tmp/n5 c 195 5
		echo allowed: $( (: </dev/nvidia2) 2>&1); echo other: $( (: </tmp/n5) 2>&1)') || :
	unlike "$what: its node can be opened" 'allowed:.*not permitted' "$out"
	like "$what: the node of another GPU cannot" 'other:.*not permitted' "$out"
	is "$what: the links are there" libcuda.so.1 "$(run --device "$vendor/gpu=2" nvb-test:1 /bin/sh -c \
		"cd $directory && [ -L libcuda.so.1 ] && [ -s libcuda.so.1 ] && echo libcuda.so.1")"
	out=$(run --device "$vendor/gpu=2" nvb-test:1 /dlopen_all libcuda.so.1 libnvidia-ml.so.1 \
		libnvidia-ptxjitcompiler.so.1 libnvidia-encode.so.1 2>&1) || out="failed: $out"
	unlike "$what: programs find the libraries without a setting" '^failed|not found|cannot open' "$out"
	like "$what: NVIDIA's own runtime is told to leave it alone" '^NVIDIA_VISIBLE_DEVICES=void' \
		"$(run --device "$vendor/gpu=2" nvb-test:1 /bin/sh -c env)"
}

libraries=/usr/lib/x86_64-linux-gnu
try_spec 'file by file' "$libraries"
try_spec 'as JSON' "$libraries" --format json
try_spec 'as a tree' "/run/nvbind/driver$libraries" --layout tree --tree-dir "$T/trees"

is 'a device that is not there' 1 "$(run --device "$vendor/gpu=9" nvb-test:1 /bin/true 2>&1 | grep -c unresolvable)"
is 'a read-only container starts too' ok "$(run --read-only --device "$vendor/gpu=0" nvb-test:1 /bin/sh -c 'echo ok')"

rm -f "/var/run/cdi/$vendor-gpu".*
make_sim a100x8-mig "$T/mig"
nvbind cdi generate --root "$T/mig" --vendor "$vendor" --output /var/run/cdi/
wanted=$(nvbind cdi show --format json "$vendor/gpu=0:1" | jq -r '.devices[0].containerEdits.deviceNodes[].path' | sort)
is 'a MIG device: its GPU and its two capability nodes' "$wanted" \
	"$(run --device "$vendor/gpu=0:1" nvb-test:1 /bin/sh -c 'ls /dev/nvidia[0-9]* /dev/nvidia-caps/*' | sort)"

# A spec that was made for another driver: what refresh makes of it works. It lies elsewhere, since refresh looks at
# whole directories and this host's own specs are none of this test's business.
rm -f "/var/run/cdi/$vendor-gpu".*
mkdir "$T/specs"
nvbind cdi generate --root "$T/host" --vendor "$vendor" --output "$T/specs/"
ln -s "$T/specs/$vendor-gpu.yaml" "/var/run/cdi/$vendor-gpu.yaml"
sed 's/^driver = .*/driver = "599.99.99"/' "$NVB_SOURCE/sim/scenarios/h200x8.toml" >"$T/newer.toml"
nvbind-sim create --scenario "$T/newer.toml" "$T/host"
unlike 'with another driver a container does not start' '^started' \
	"$(run --device "$vendor/gpu=0" nvb-test:1 /bin/sh -c 'echo started' 2>&1 || true)"
check 'refresh makes the spec again' nvbind cdi refresh --spec-dir "$T/specs"
like 'and it does' '^libcuda.so.599.99.99$' \
	"$(run --device "$vendor/gpu=0" nvb-test:1 /bin/sh -c "readlink $libraries/libcuda.so.1")"

# Opt-in: NVIDIA's own tool lists and therefore parses what we wrote.
if [ -n "${NVB_TEST_NVIDIA_CTK:-}" ]; then
	is "nvidia-ctk lists the devices that we list" "$(nvbind cdi list | grep "^$vendor" | sort)" \
		"$("$NVB_TEST_NVIDIA_CTK" cdi list 2>/dev/null | grep "^$vendor" | sort)"
fi
