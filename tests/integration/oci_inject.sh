#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind inject on real bundles: what runc and crun make of them under cgroup v1 and v2 sees its GPU and no other.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook jq python3 runc

make_sim h200x8 "$T/host"
lib=/usr/lib/x86_64-linux-gnu
cuda=$(basename "$T/host$lib"/libcuda.so.*.*)
major=$((0x$(stat -c %t "$T/host/dev/nvidia2")))

# Runs inside: says what it sees, a line each.
cat >"$T/look" <<'END'
echo "nodes: $(cd /dev && echo nvidia*)"
echo "own: $(cat /dev/nvidia2 2>&1)"
echo "control: $(cat /dev/nvidiactl 2>&1)"
mknod /other c "$1" 5 && echo "other: $(cat /other 2>&1)"
echo "link: $(readlink "$2/libcuda.so.1")"
echo "library: $(wc -c <"$2/$3")"
echo "write: $(touch "$2/$3" 2>&1)"
END

# bundle DIR: may mknod, runs the script above.
bundle() {
	make_busybox_root "$1/rootfs"
	make_bundle "$1" sh /look "$major" "$lib" "$cuda"
	cp "$T/look" "$1/rootfs/look"
	jq --tab '.process.capabilities[] += ["CAP_MKNOD"]' "$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

look() { # RUNTIME v1|v2
	local dir=$T/$1.$2 out
	bundle "$dir"
	nvbind inject --root "$T/host" --gpu 2 --bundle "$dir"
	out=$("with_cgroup_$2" run_bundle "$1" "$dir" 2>&1) || true
	like "$1 $2: its nodes and no other" '^nodes: nvidia-uvm nvidia-uvm-tools nvidia2 nvidiactl$' "$out"
	# Allowed and without a driver behind it; a node that is not allowed would say so first.
	like "$1 $2: its GPU may be opened" '^own: .*(No such device or address|ENXIO)' "$out"
	like "$1 $2: the control node may be opened" '^control: .*No such device or address' "$out"
	like "$1 $2: another GPU may not be opened" '^other: .*Operation not permitted' "$out"
	like "$1 $2: the hook made the library's links" "^link: $cuda\$" "$out"
	like "$1 $2: the library is the host's" "^library: $(wc -c <"$T/host$lib/$cuda")\$" "$out"
	like "$1 $2: the library cannot be written" '^write: .*Read-only file system' "$out"
}

tried=0
for runtime in runc crun; do
	for world in v1 v2; do
		if runtime_works "$runtime" "$world"; then
			look "$runtime" "$world"
			tried=$((tried + 1))
		else
			echo "# $runtime on cgroup $world does not work here: $(tail -n 1 "$T/.works.$runtime.$world")"
		fi
	done
done
[ "$tried" -gt 0 ] || skip "neither runc nor crun runs a container here"

# The driver's files as one tree: one mount, and every name leads into it.
tree() { # RUNTIME
	local dir=$T/tree.$1 out
	bundle "$dir"
	nvbind inject --root "$T/host" --gpu 2 --bundle "$dir" --layout tree --tree-dir "$T/trees"
	is "$1, tree: one mount for the libraries" 1 \
		"$(jq '[.mounts[] | select(.source | startswith($ENV.T + "/trees/"))] | length' "$dir/config.json")"
	jq --tab '.process.args = ["cat", "/run/nvbind/driver" + $lib + "/" + $cuda]' --arg lib "$lib" --arg cuda "$cuda" \
		"$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	with_cgroup_v1 run_bundle "$1" "$dir" >"$T/inside" 2>/dev/null || true
	same_file "$1, tree: the library in it is the host's" "$T/host$lib/$cuda" "$T/inside"
}
for runtime in runc crun; do
	! runtime_works "$runtime" v1 || tree "$runtime"
done

# In a user namespace nodes cannot be made: the host's arrive by a mount, from where they are on the host.
userns() { # RUNTIME
	local dir=$T/userns.$1 out
	bundle "$dir"
	chown -R 100000:100000 "$dir/rootfs"
	chmod 0755 "$T"
	jq --tab '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	nvbind inject --root "$T/host" --gpu 2 --bundle "$dir"
	is "$1, user namespace: no node is made" 0 "$(jq '.linux.devices | length' "$dir/config.json")"
	out=$(with_cgroup_v1 run_bundle "$1" "$dir" 2>&1) || true
	like "$1, user namespace: its GPU may be opened" '^own: .*No such device or address' "$out"
	like "$1, user namespace: the hook made the links" "^link: $cuda\$" "$out"
}
for runtime in runc crun; do
	! others_reach_build || ! runtime_works "$runtime" v1 || userns "$runtime"
done

# The hook gets neither the image's environment, where LD_PRELOAD would be code of the image as root, nor ours.
printf '#!%s sh\nexec %s env >"%s/environment"\n' "$(command -v busybox)" "$(command -v busybox)" "$T" >"$T/hook"
chmod +x "$T/hook"
environment() { # RUNTIME
	local dir=$T/environment.$1
	bundle "$dir"
	jq --tab '.process.args = ["true"] | .process.env += ["LD_PRELOAD=/evil.so"]' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	nvbind inject --root "$T/host" --gpu 2 --bundle "$dir" --hook-path "$T/hook"
	rm -f "$T/environment"
	LEAK=1 with_cgroup_v1 run_bundle "$1" "$dir" >/dev/null 2>&1 || true
	like "$1: the hook has the environment it was given" '^PATH=/usr/sbin:/usr/bin:/sbin:/bin$' "$(cat "$T/environment")"
	unlike "$1: and nothing of the image or of the caller" 'LD_PRELOAD|LEAK' "$(cat "$T/environment")"
}
for runtime in runc crun; do
	! runtime_works "$runtime" v1 || environment "$runtime"
done

# A device named as CDI names it comes from a spec of the host, whose numbers are read from the nodes.
mkdir "$T/cdi"
printf '[cdi]\ndirectories = ["%s"]\n' "$T/cdi" >"$T/cdi.toml"
nvbind cdi generate --root "$T/host" --device-name-strategy index --output "$T/cdi/nvidia.yaml"
bundle "$T/named"
nvbind --config "$T/cdi.toml" inject --root "$T/host" --device nvidia.com/gpu=2 --bundle "$T/named"
is 'a CDI name gives its GPU with its numbers' "$major 2" \
	"$(jq -r '.linux.devices[] | select(.path == "/dev/nvidia2") | "\(.major) \(.minor)"' "$T/named/config.json")"
is 'and the hook that the spec names' apply "$(jq -r '.hooks.createContainer[0].args[1]' "$T/named/config.json")"

# The file: byte for byte but for what was added, mode and owner kept, twice is once.
dir=$T/file
bundle "$dir"
chmod 0640 "$dir/config.json"
chown 12:34 "$dir/config.json"
cp "$dir/config.json" "$T/before.json"
nvbind inject --root "$T/host" --gpu 1 --bundle "$dir"
is 'mode and owner stay' '640 12 34' "$(stat -c '%a %u %g' "$dir/config.json")"
is 'no line goes or changes but for a comma' 0 \
	"$(diff <(sed 's/,$//' "$T/before.json") <(sed 's/,$//' "$dir/config.json") | grep -c '^<' || true)"
cp -p "$dir/config.json" "$T/once.json"
nvbind inject --root "$T/host" --gpu 1 --bundle "$dir"
same_file 'a second time changes nothing' "$T/once.json" "$dir/config.json"
nvbind inject --root "$T/host" --gpu 1 --file "$T/before.json" --output - >"$T/stdout.json"
same_file 'standard output gets the same' "$T/once.json" "$T/stdout.json"
ln -s file/config.json "$T/link.json"
nvbind inject --root "$T/host" --gpu 0 --file "$T/link.json"
check 'a link stays a link' test -L "$T/link.json"
is 'and the file it leads to is edited' 2 \
	"$(jq '[.linux.devices[] | select(.path | test("nvidia[0-9]+$"))] | length' "$dir/config.json")"
is 'nothing is left beside it' $'config.json\nrootfs' "$(ls -A "$dir")"
nvbind inject --root "$T/host" --gpu none --file "$T/before.json" --output "$T/none.json"
same_file 'no GPU, no change' "$T/before.json" "$T/none.json"

# Bad input: one line, the place, no change.
cp "$T/before.json" "$dir/config.json"
inject() { nvbind inject --root "$T/host" --bundle "$dir" "$@"; }
refuses 'nothing to edit' 2 'nothing to edit: give --bundle' nvbind inject --root "$T/host" --gpu 0
refuses 'no bundle' 1 'config.json: No such file or directory .*bundle' nvbind inject --gpu 0 --bundle "$T/absent"
refuses 'no such GPU' 1 "'?9'?.*(0 to 7|0-7|8 GPUs|there )" inject --gpu 9
refuses 'relative hook' 1 'must be absolute' inject --gpu 0 --hook-path nvbind-hook
same_file 'refusals change nothing' "$T/before.json" "$dir/config.json"
mkdir "$T/small"
mount -t tmpfs -o size=12k tmpfs "$T/small"
cp "$T/before.json" "$T/small/config.json"
refuses 'a full disk' 1 'No space left on device' nvbind inject --root "$T/host" --gpu 0 --bundle "$T/small"
same_file 'leaves the old file' "$T/before.json" "$T/small/config.json"
is 'and nothing beside it' config.json "$(ls -A "$T/small")"
umount "$T/small"
to_full() { nvbind inject --root "$T/host" --gpu 0 --file "$T/before.json" --output - >/dev/full; }
refuses 'a full standard output' 1 'writing to standard output: No space left on device' to_full
broken() { # WHAT REGEX, config on stdin
	cat >"$dir/config.json"
	refuses "$1" 1 "$2" inject --gpu 0
}
broken 'cut off' 'mounts: ends before its .\]. \(byte 32\)' <<<'{"ociVersion":"1","mounts":[{} '
broken 'key twice' 'linux: the key "devices" stands twice \(byte 40\)' \
	<<<'{"ociVersion":"1","linux":{"devices":[],"devices":[]}}'
broken 'another case' 'differs from "linux" only in case' <<<'{"ociVersion":"1","LINUX":{}}'
broken 'NUL' 'NUL character' <<<'{"ociVersion":"1","hostname":"\u0000"}'
broken 'no config at all' 'ociVersion is missing' <<<'{"a":1}'
broken 'empty' 'ends where a value should be' </dev/null
python3 -c '
import json
keys = {"k%d" % i: "\u00e9" for i in range(700000)}
print(json.dumps({"ociVersion": "1", "process": {}, "annotations": keys}))' >"$T/large.json"
check 'a file of 12 MB is edited' nvbind inject --root "$T/host" --gpu 0 --file "$T/large.json"
is 'and keeps its annotations' 700000 "$(jq '.annotations | length' "$T/large.json")"
truncate -s 100M "$T/huge.json"
refuses 'a file of 100 MB is none' 1 'huge.json' nvbind inject --root "$T/host" --gpu 0 --file "$T/huge.json"
mkfifo "$T/fifo"
refuses 'a FIFO is none' 1 'fifo' nvbind inject --root "$T/host" --gpu 0 --file "$T/fifo"

# A profile: its limits, its /dev/shm and its variables are in the document, and in force.
make_busybox_root "$T/profile/rootfs"
make_bundle "$T/profile" sh -c 'ulimit -s; df -k /dev/shm | tail -n 1; echo $CUDA_DEVICE_ORDER'
check 'a profile is injected' nvbind inject --root "$T/host" --gpu 2 --bundle "$T/profile" --profile ai
is 'a limit once' 1 "$(jq '[.process.rlimits[] | select(.type == "RLIMIT_STACK")] | length' "$T/profile/config.json")"
is 'one /dev/shm' 'size=1073741824' \
	"$(jq -r '[.mounts[] | select(.destination == "/dev/shm")] | .[].options[] | select(startswith("size"))' "$T/profile/config.json")"
if runtime_works runc v1; then
	like 'and in force' '^65536 shm +1048576 .* PCI_BUS_ID$' "$(echo $(with_cgroup_v1 run_bundle runc "$T/profile" 2>&1))"
fi
