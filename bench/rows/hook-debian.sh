# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nvbind-hook in a Debian 12 root with 50 libraries mounted into it, file by file as a runtime does, beside `ldconfig -r`
# on such a root. Two command lines take turns so that each finds the other's cache and has to write it anew; the links are there after the first run (making 50
# costs the file system 2 ms in a fresh root, ldconfig too).
# Stub libraries: what is read of one does not depend on its size. The root is the one that the integration tests keep.
lower=${NVB_TEST_CACHE:-/var/cache/nvbind-tests}/bookworm lib=/usr/lib/x86_64-linux-gnu
library=$NVB_BUILD/tests/integration/make-library

hook_root() { # NAME: a root with the libraries mounted; /other has one of them again
	local file root=$T/$1/root
	mkdir -p "$T/$1/upper" "$T/$1/work" "$root"
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$T/$1/upper,workdir=$T/$1/work" "$root" || return
	mkdir "$root/other"
	mount --bind "$T/other" "$root/other"
	for file in "$T/driver"/*; do
		: >"$root$lib/${file##*/}"
		mount --bind "$file" "$root$lib/${file##*/}"
	done
}

hook_debian_row() {
	local i links=() idle
	mkdir -p "$T/driver" "$T/other"
	for i in $(seq 50); do
		"$library" "libnvidia-part$i.so.1" "$T/driver/libnvidia-part$i.so.550.54.15"
		links+=(--link "libnvidia-part$i.so.550.54.15::$lib/libnvidia-part$i.so.1")
	done
	"$library" libnvidia-part1.so.1 "$T/other/libnvidia-part1.so.1"
	for i in busy idle peer; do
		hook_root "$i" || return
	done
	idle=(nvbind-hook apply --root "$T/idle/root" --library-directory "$lib" "${links[@]}")
	"${idle[@]}"
	interleave exec nvbind-hook --version \
		-- write nvbind-hook apply --root "$T/busy/root" --library-directory "$lib" --library-directory /other \
		"${links[@]}" \
		-- rewrite nvbind-hook apply --root "$T/busy/root" --library-directory /other --library-directory "$lib" \
		"${links[@]}" \
		-- idle "${idle[@]}" -- ldconfig ldconfig -r "$T/peer/root" || return
	result 'nvbind-hook in Debian 12, 50 mounted libraries, cache written' "${median[write]}" ms 3 \
		"ldconfig -r ${median[ldconfig]} ms, $(over "${median[ldconfig]}" "${median[write]}") times ours"
	result 'nvbind-hook in Debian 12, all there already' "${median[idle]}" ms 3 \
		"an exec of a static program ${median[exec]} ms"
}

if [ "$(id -u)" != 0 ] || [ ! -d "$lower" ] || [ ! -x "$library" ]; then
	absent 'nvbind-hook in Debian 12' "needs root and $lower: tests/integration/container_ldcache.sh makes it"
else
	hook_debian_row || absent 'nvbind-hook in Debian 12' 'it failed'
fi
