#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How long nvbind-hook takes, the whole process, in a Debian 12 root with 50 libraries mounted into it; in turn with
# `ldconfig -r` on the same root, which is what a hook runs that does not write the cache itself. Needs root and debootstrap
# (or its result in NVB_TEST_CACHE). Stub libraries: what is read of one does not depend on its size.
#
#	bench/hook.sh [ROUNDS]

set -euo pipefail

rounds=${1:-200}
source=$(cd "$(dirname "$0")/.." && pwd)
build=${NVB_BUILD:-$source/build}
lower=${NVB_TEST_CACHE:-/var/cache/nvbind-tests}/bookworm
hook=$build/bin/nvbind-hook
interleave=$build/bench/interleave
library=$build/tests/integration/make-library
dir=/usr/lib/x86_64-linux-gnu
T=$(mktemp -d "${TMPDIR:-/tmp}/nvb-bench.XXXXXXXX")

finish() {
	for m in $(awk -v d="$T/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r); do
		umount -l "$m"
	done
	rm -rf --one-file-system "$T"
}
trap finish EXIT

for program in "$hook" "$interleave" "$library"; do
	[ -x "$program" ] || {
		echo "$program was not built" >&2
		exit 1
	}
done
[ -d "$lower" ] || debootstrap --variant=minbase bookworm "$lower" >&2

mkdir -p "$T/driver" "$T/other"
links=()
for i in $(seq 50); do
	"$library" "libnvidia-part$i.so.1" "$T/driver/libnvidia-part$i.so.550.54.15"
	links+=(--link "libnvidia-part$i.so.550.54.15::$dir/libnvidia-part$i.so.1")
done
"$library" libnvidia-part1.so.1 "$T/other/libnvidia-part1.so.1"

make_root() { # NAME: a root with the libraries mounted; /other has one of them again
	local file root=$T/$1/root
	mkdir -p "$T/$1/upper" "$T/$1/work" "$root"
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$T/$1/upper,workdir=$T/$1/work" "$root"
	mkdir "$root/other"
	mount --bind "$T/other" "$root/other"
	for file in "$T/driver"/*; do
		: >"$root$dir/${file##*/}"
		mount --bind "$file" "$root$dir/${file##*/}"
	done
}
for name in hook idle peer; do
	make_root "$name"
done
"$hook" apply --root "$T/idle/root" --library-directory "$dir" "${links[@]}"

# Both orders of the two directories in turn, so that every run has a cache to write and a link to change.
{
	printf 'what (%s rounds)\tmedian ms\tp10\tp90\n' "$rounds"
	"$interleave" "$rounds" 'a static program that does nothing' "$hook" --version \
		-- 'nvbind-hook, 50 libraries and links, cache written' "$hook" apply --root "$T/hook/root" \
		--library-directory "$dir" --library-directory /other "${links[@]}" --link a::/changing \
		-- 'nvbind-hook, the other way round' "$hook" apply --root "$T/hook/root" \
		--library-directory /other --library-directory "$dir" "${links[@]}" --link b::/changing \
		-- 'nvbind-hook, all is there already' "$hook" apply --root "$T/idle/root" \
		--library-directory "$dir" "${links[@]}" \
		-- 'ldconfig -r' ldconfig -r "$T/peer/root"
} | column -t -s "$(printf '\t')"
printf '%s libraries are in the merged cache\n' "$(ldconfig -r "$T/hook/root" -p | grep -c '=>')"
