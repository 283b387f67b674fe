#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime with real runc and crun: whichever way a container asks, it has its GPUs and opens no other; one that
# does not ask has its config.json read and no more.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/shim.sh"
need_root
need nvbind nvbind-runtime nvbind-sim nvbind-hook jq runc busybox strace

make_sim h200x8 "$T/host"
mkdir "$T/cdi"
major=$((0x$(stat -c %t "$T/host/dev/nvidia2")))
lib=/usr/lib/x86_64-linux-gnu
uuid() { sed -n 's/^GPU UUID:[[:space:]]*//p' "$(grep -l "Device Minor:[[:space:]]*$1\$" "$T"/host/proc/driver/nvidia/gpus/*/information)"; }
# The node of the GPU that has that number in PCI order.
minor() {
	sed -n 's/^Device Minor:[[:space:]]*//p' "$(printf '%s\n' "$T"/host/proc/driver/nvidia/gpus/* | sort | sed -n "$(($1 + 1))p")/information"
}
nodes() { for i in "$@"; do minor "$i"; done | sort -n | tr '\n' ' '; }

# Inside: which GPU nodes are there, and which can be opened, whoever makes their nodes. One that may be opened and has no
# driver behind it says so; one that may not says that first.
cat >"$T/look" <<'END'
echo "there: $(cd /dev && for n in nvidia[0-9]*; do [ -c $n ] && echo ${n#nvidia}; done | sort -n | tr '\n' ' ')"
open= denied=
for n in 0 1 2 3 4 5 6 7; do
	mknod /n$n c "$1" $n
	case $(cat /n$n 2>&1) in
	*'No such device'*) open="$open$n " ;;
	*'not permitted'*) denied="$denied$n " ;;
	esac
done
echo "open: $open"
echo "denied: $denied"
echo "control: $(cat /dev/nvidiactl 2>&1)"
echo "library: $(readlink "$2/libcuda.so.1")"
echo "visible: $NVIDIA_VISIBLE_DEVICES"
END

look() { # WHAT WORLD EXPECTED-NODES FILTER
	local dir=$T/b out others
	bundle "$dir" "$4" sh /look "$major" "$lib"
	cp "$T/look" "$dir/rootfs/look"
	out=$(in_world "$2" run_bundle nvbind-runtime "$dir" 2>&1) || true
	rm -rf "$dir"
	others=$(for n in 0 1 2 3 4 5 6 7; do grep -qw "$n" <<<"$3" || echo "$n"; done | tr '\n' ' ')
	is "$1: its nodes" "there: $3" "$(grep '^there:' <<<"$out")"
	is "$1: they open" "open: $3" "$(grep '^open:' <<<"$out")"
	is "$1: no other does" "denied: $others" "$(grep '^denied:' <<<"$out")"
	printf '%s\n' "$out" >"$T/out"
}

matrix() { # RUNTIME WORLD
	local w="$1 $2"
	configure "runtimes = [\"$1\"]"
	look "$w: NVIDIA_VISIBLE_DEVICES=2" "$2" "$(nodes 2)" "$(env_of NVIDIA_VISIBLE_DEVICES=2)"
	like "$w: the driver is there" '^library: libcuda.so.[0-9.]+$' "$(cat "$T/out")"
	like "$w: and may be called" '^control: .*No such device' "$(cat "$T/out")"
	like "$w: no second runtime does it again" '^visible: void$' "$(cat "$T/out")"
	look "$w: all" "$2" '0 1 2 3 4 5 6 7 ' "$(env_of NVIDIA_VISIBLE_DEVICES=all)"
	look "$w: none is the driver without a GPU" "$2" '' "$(env_of NVIDIA_VISIBLE_DEVICES=none)"
	like "$w: none: the driver is there" '^library: libcuda.so' "$(cat "$T/out")"
	look "$w: nothing asked" "$2" '' .
	like "$w: nothing asked: no driver" '^library: $' "$(cat "$T/out")"
}

tried=0
for runtime in runc crun; do
	for world in v1 v2; do
		if runtime_works "$runtime" "$world"; then
			matrix "$runtime" "$world"
			tried=$((tried + 1))
			works="$runtime $world"
		else
			echo "# $runtime on cgroup $world does not work here: $(tail -n 1 "$T/.works.$runtime.$world")"
		fi
	done
done
[ "$tried" -gt 0 ] || skip "neither runc nor crun runs a container here"
read -r runtime world <<<"$works"

# Every other way of asking, in a container too.
ask() { look "$1" "$world" "$2" "$3"; }
configure "runtimes = [\"$runtime\"]" 'accept-volume-mounts = true' 'swarm-resources = ["DOCKER_RESOURCE_GPU"]'
ask 'two by index' "$(nodes 1 3)" "$(env_of NVIDIA_VISIBLE_DEVICES=3,1)"
ask 'by UUID' '2 ' "$(env_of "NVIDIA_VISIBLE_DEVICES=$(uuid 2)")"
ask 'void' '' "$(env_of NVIDIA_VISIBLE_DEVICES=void)"
ask 'an empty value' '' "$(env_of NVIDIA_VISIBLE_DEVICES=)"
ask 'the last of two' "$(nodes 5)" "$(env_of NVIDIA_VISIBLE_DEVICES=all NVIDIA_VISIBLE_DEVICES=5)"
ask 'a CDI name without a spec' "$(nodes 4)" "$(env_of NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=4)"
ask 'an image from before requirements' '0 1 2 3 4 5 6 7 ' "$(env_of CUDA_VERSION=8.0.61)"
ask 'a mount' "$(nodes 6)" "$(mounts_of 6)"
ask 'a mount before the environment' "$(nodes 6)" "$(env_of NVIDIA_VISIBLE_DEVICES=all) | $(mounts_of 6)"
ask 'a mount of a CDI name' "$(nodes 7)" "$(mounts_of cdi/nvidia.com/gpu/7)"
ask 'an annotation before all' "$(nodes 0)" \
	"$(env_of NVIDIA_VISIBLE_DEVICES=all) | $(mounts_of 6) | $(annotations_of nvidia.com/gpu=0)"
ask 'a Swarm resource' '1 ' "$(env_of NVIDIA_VISIBLE_DEVICES=all "DOCKER_RESOURCE_GPU=$(uuid 1)")"
nvbind cdi generate --root "$T/host" --device-name-strategy index --output "$T/cdi/nvidia.yaml"
ask 'a CDI name with a spec' "$(nodes 4)" "$(annotations_of nvidia.com/gpu=4)"
rm "$T/cdi/nvidia.yaml"

configure "runtimes = [\"$runtime\"]" 'accept-environment-when-unprivileged = false'
ask 'unprivileged and not allowed' '' "$(env_of NVIDIA_VISIBLE_DEVICES=all)"
ask 'privileged' "$(nodes 3)" "$(env_of NVIDIA_VISIBLE_DEVICES=3) | $privileged"
ask 'mounts that are not allowed' '' "$(mounts_of 6)"

# The driver's files as one tree: one mount.
configure "runtimes = [\"$runtime\"]" 'layout = "tree"'
mkdir -p "$T/trees" "$T/var/nvbind"
tree() {
	mount -t overlay overlay -o "lowerdir=$T/var:/var/lib" /var/lib
	mount --bind "$T/trees" /var/lib/nvbind
	configured run_bundle nvbind-runtime "$T/b"
}
bundle "$T/b" "$(env_of NVIDIA_VISIBLE_DEVICES=2)" cat "/run/nvbind/driver$lib/$(basename "$T/host$lib"/libcuda.so.*.*)"
"with_cgroup_$world" tree >"$T/library" 2>"$T/err" || fail 'a tree' "$(cat "$T/err")"
same_file "as a tree: the library is the host's" "$T/host$lib"/libcuda.so.*.* "$T/library"
is 'as a tree: one mount' 1 "$(jq '[.mounts[] | select(.source | startswith("/var/lib/nvbind/"))] | length' "$T/b/config.json")"
rm -rf "$T/b"

# What is not about GPUs stays byte for byte, and of the rest nothing that somebody else reads: mode and owner, too.
configure 'runtimes = ["/bin/true"]'
bundle "$T/b" .
cp "$T/b/config.json" "$T/before"
check 'nothing asked: create' shim create --bundle "$T/b" id
same_file 'nothing asked: the file is as it was' "$T/before" "$T/b/config.json"
is_sanitized || in_mount_namespace configured strace -f -o "$T/trace" nvbind-runtime create --bundle "$T/b" id
is_sanitized || unlike 'nothing asked: of the host nothing is looked at' 'openat2|/host|O_RDWR|O_CREAT|socket|clone|fork' \
	"$(sed '/execve("\/bin\/true"/,$d' "$T/trace")"
bundle "$T/b" "$(env_of NVIDIA_VISIBLE_DEVICES=2)"
chown 4321:1234 "$T/b/config.json"
chmod 0640 "$T/b/config.json"
check 'create edits' shim create --bundle "$T/b" id
is 'mode and owner stay' '640 4321 1234' "$(stat -c '%a %u %g' "$T/b/config.json")"
is 'nothing is left beside it' 'config.json rootfs' "$(ls -A "$T/b" | tr '\n' ' ' | sed 's/ $//')"
is 'its GPU' '2' "$(gpus_of "$T/b/config.json")"
cp "$T/b/config.json" "$T/before"
check 'twice' shim create --bundle "$T/b" id
same_file 'twice is once' "$T/before" "$T/b/config.json"

# Words of the command line reach the runtime as they came, whatever they are.
printf '#!/bin/sh\nprintf "%%s|" "$@" >"%s"\n' "$T/words" >"$T/words-runtime"
chmod +x "$T/words-runtime"
configure "runtimes = [\"/no/such\", \"$T/words-runtime\"]"
for line in 'state x' '--root /r kill x KILL' 'exec -t x sh -c create' '--version' 'features' 'create --help'; do
	# shellcheck disable=SC2086
	shim $line
	is "passed on: $line" "${line// /|}|" "$(cat "$T/words")"
done
bundle "$T/b" "$(env_of NVIDIA_VISIBLE_DEVICES=2)"
for line in "create --bundle=$T/b id" "--root /r run -b $T/b -d id" "--log=$T/log create id -b $T/b"; do
	cp "$T/b/config.json" "$T/before"
	# shellcheck disable=SC2086
	shim $line
	is "passed on: $line" "${line// /|}|" "$(cat "$T/words")"
	is "and its GPU given" '2' "$(gpus_of "$T/b/config.json")"
	cp "$T/before" "$T/b/config.json"
done
(cd "$T/b" && shim create id)
is 'the working directory is the bundle' '2' "$(gpus_of "$T/b/config.json")"

# What is asked besides GPUs.
given() { # WHAT FILTER JQ EXPECTED
	bundle "$T/b" "$2"
	check "$1: create" shim create --bundle "$T/b" id
	is "$1" "$4" "$(jq -r "$3" "$T/b/config.json")"
}
configure 'runtimes = ["/bin/true"]'
binaries='[.mounts[].destination | select(test("nvidia-smi|libcuda.so"))] | map(split("/")[-1] | split(".")[0]) | unique | join(" ")'
given 'the usual capabilities' "$(env_of NVIDIA_VISIBLE_DEVICES=2)" "$binaries" 'libcuda nvidia-smi'
given 'an empty list is the usual' "$(env_of NVIDIA_VISIBLE_DEVICES=2 NVIDIA_DRIVER_CAPABILITIES=)" "$binaries" 'libcuda nvidia-smi'
given 'compute' "$(env_of NVIDIA_VISIBLE_DEVICES=2 NVIDIA_DRIVER_CAPABILITIES=compute)" "$binaries" 'libcuda'
given 'all' "$(env_of NVIDIA_VISIBLE_DEVICES=2 NVIDIA_DRIVER_CAPABILITIES=all)" "$binaries" 'libcuda nvidia-smi'
given 'a requirement that is met' "$(env_of NVIDIA_VISIBLE_DEVICES=2 'NVIDIA_REQUIRE_CUDA=cuda>=12.0 driver>=999')" "$binaries" \
	'libcuda nvidia-smi'
given 'one that is switched off' \
	"$(env_of NVIDIA_VISIBLE_DEVICES=2 'NVIDIA_REQUIRE_CUDA=cuda>=99' NVIDIA_DISABLE_REQUIRE=true)" "$binaries" 'libcuda nvidia-smi'
configure 'runtimes = ["/bin/true"]' 'capabilities = ["compute"]'
given 'all are those that the host allows' "$(env_of NVIDIA_VISIBLE_DEVICES=2 NVIDIA_DRIVER_CAPABILITIES=all)" "$binaries" 'libcuda'
configure 'runtimes = ["/bin/true"]' 'check-requirements = false'
given 'or by the host' "$(env_of NVIDIA_VISIBLE_DEVICES=2 'NVIDIA_REQUIRE_CUDA=cuda>=99')" "$binaries" 'libcuda nvidia-smi'

# MIG, by number and by a UUID that only NVML knows: it is asked by a helper once, then the answer is in the cache.
make_sim a100x8-mig "$T/mig"
HOST=$T/mig configure 'runtimes = ["/bin/true"]'
NVBIND_ROOT=$T/mig nvbind info --json --nvml >"$T/info"
caps='[.linux.devices[].path | select(startswith("/dev/nvidia-caps/"))] | sort | join(" ")'
wanted=$(jq -r '[.gpus[0].mig_devices[1].nodes[].path] | sort | join(" ")' "$T/info")
uuid=$(jq -r '.gpus[0].mig_devices[1].uuid' "$T/info")
given 'a MIG device by number' "$(env_of NVIDIA_VISIBLE_DEVICES=0:1)" "$caps" "$wanted"
given 'and by UUID' "$(env_of "NVIDIA_VISIBLE_DEVICES=$uuid")" "$caps" "$wanted"
bundle "$T/b" "$(env_of "NVIDIA_VISIBLE_DEVICES=$uuid")"
is_sanitized || in_mount_namespace configured strace -f -o "$T/trace" nvbind-runtime create --bundle "$T/b" id
is_sanitized || unlike 'by UUID again: nobody is asked' 'nvbind-nvml|clone|fork' "$(cat "$T/trace")"
given 'the right to configure MIG' "$(env_of NVIDIA_VISIBLE_DEVICES=none NVIDIA_MIG_CONFIG_DEVICES=all) | $privileged" \
	"$caps | length > 0" true
