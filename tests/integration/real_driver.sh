#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The inventory of NVIDIA's own files, as Debian packages them. They are not free to redistribute, so the test runs only
# where somebody unpacked them: NVB_TEST_NVIDIA_DIR names a directory made with
#
#	apt-get download libcuda1 libnvidia-ml1 nvidia-smi ... (amd64 and i386); dpkg -x PACKAGE DIRECTORY
#
# What is there is found out with find, independently of the tables that the inventory uses. Where NVIDIA's own
# generator is installed (nvidia-ctk), nothing it finds may be missing.
. "$(dirname "$0")/lib.sh"
[ -n "${NVB_TEST_NVIDIA_DIR:-}" ] || skip 'needs NVB_TEST_NVIDIA_DIR, a directory with NVIDIA packages unpacked in it'
need jq readelf

root=$(realpath "$NVB_TEST_NVIDIA_DIR")
nvbind info --json --driver-root "$root" >"$T/info.json"
jq -r '.files[].path' "$T/info.json" | sort >"$T/ours"
version=$(jq -r .driver.version "$T/info.json")
like 'a driver version' '^[0-9]+\.[0-9.]+$' "$version"

real_files() { # FIND-EXPRESSION...: regular files below the root, as paths below it
	find "$root" -type f "$@" -printf '/%P\n' | sort
}

missing() { comm -23 "$1" "$T/ours"; }

# libnvidia-*.so.<version> and its like, wherever they are.
real_files -name "*.so.$version" >"$T/versioned"
check 'the packages hold libraries' test "$(wc -l <"$T/versioned")" -gt 20
is 'every library of the driver is found' '' "$(missing "$T/versioned")"
real_files -name '*.dll' >"$T/dlls"
is 'every DLSS library is found' '' "$(missing "$T/dlls")"
real_files \( -name 'libnvoptix.so.*' -o -name 'libnvidia-rtcore.so.*' -o -name 'nvoptix.bin' \) >"$T/rays"
is 'ray tracing is found' '' "$(missing "$T/rays")"
real_files -path '*/i386-linux-gnu/*' -name '*.so.*' >"$T/narrow"
is 'every 32-bit library is found' '' "$(missing "$T/narrow")"
real_files \( -path '*/vulkan/*.json' -o -path '*/egl_vendor.d/*' -o -path '*/egl_external_platform.d/*' -o \
	-name 'nvidia.icd' -o -path '*/firmware/nvidia/*/gsp*.bin' \) >"$T/data"
is 'every JSON, ICD and firmware file is found' '' "$(missing "$T/data")"
real_files \( -name nvidia-smi -o -name 'nvidia-cuda-mps-*' -o -name nvidia-debugdump \) -path '*/lib/nvidia/*' >"$T/programs"
is 'every program is found' '' "$(missing "$T/programs")"

wrong=$(jq -r '.files[] | select(.kind == "library") | "\(.elf_class) \(.path)"' "$T/info.json" | while read -r class path; do
	readelf -h "$root$path" | grep -q "Class: *ELF$class" || echo "$path"
done)
is 'ELF classes are right' '' "$wrong"
wrong=$(jq -r '.files[] | select(.soname) | "\(.soname) \(.path)"' "$T/info.json" | while read -r soname path; do
	readelf -d "$root$path" | grep -qF "soname: [$soname]" || echo "$path"
done)
is 'SONAMEs are right' '' "$wrong"
# A library whose file is not called by its SONAME has a link of that name beside it.
is 'every SONAME leads to its library' '' "$(jq -r '.files[] | select(.soname) | . as $f | (.path | sub("/[^/]*$"; "")) as $d |
	select(($d + "/" + .soname) != .path) | select([.links[].path] | index($d + "/" + $f.soname) | not) | .path' "$T/info.json")"

if command -v nvidia-ctk >/dev/null; then
	make_sim t4x1 "$T/machine"
	# It makes /dev/nvidiactl, on the host of all places.
	# shellcheck disable=SC2016 # for that shell
	unshare -m --propagation private sh -c 'mount -t tmpfs none /dev && exec nvidia-ctk cdi generate --mode=management \
		--driver-root="$0" --dev-root="$1/machine" --format=json --output="$1/theirs.json" 2>"$1/theirs.log"' "$root" "$T"
	jq -r '.. | .hostPath? // empty' "$T/theirs.json" | grep "^$root" | xargs -r realpath | sed "s#^$root##" | sort -u >"$T/theirs"
	is "nothing that NVIDIA's generator finds is missing" '' "$(missing "$T/theirs")"
fi
