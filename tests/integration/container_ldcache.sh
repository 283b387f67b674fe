#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs in real root file systems find the driver's libraries by name after nvbind-hook, and everything else where it
# was. Only dlopen proves that: ldconfig -p prints also what ld.so misses in a cache of the wrong order.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook cc ldconfig chroot
[ "$(uname -m)" = x86_64 ] || skip "the stub libraries are for x86-64"

make_driver "$T/driver"
n=0

# prepare SUITE: a fresh root in $root from $lower, or returns 1.
prepare() {
	if ! lower=$(debian_root "$1"); then
		echo "SKIP: no Debian $1 (debootstrap failed: see $NVB_TEST_CACHE/$1.log)" >&2
		return 1
	fi
	n=$((n + 1))
	fresh_root "$lower" "$T/$n"
	root=$T/$n/root
	build_dlopen_all "$root" "$LIBDIR"
}

# prove WHAT LIBDIR: mounts the driver, runs the hook, compares what programs find before and after.
prove() {
	local what=$1 libdir=$2 own found
	mapfile -t own < <(cached_sonames "$lower")
	chroot "$root" /dlopen_all "${own[@]}" >"$T/before" || :
	mount_driver "$T/driver" "$root" "$libdir"
	check "$what: the hook exits 0" nvbind-hook apply --root "$root" --library-directory "$libdir"
	found=$(chroot "$root" /dlopen_all "${DRIVER_SONAMES[@]}") || :
	unlike "$what: every SONAME of the driver is found" 'cannot open|No such' "$found"
	is "$what: as many as there are" "${#DRIVER_SONAMES[@]}" "$(grep -c " => $libdir/" <<<"$found")"
	chroot "$root" /dlopen_all "${own[@]}" >"$T/after" || :
	same_file "$what: the image's ${#own[@]} own libraries are found where they were" "$T/before" "$T/after"
	cp "$root/etc/ld.so.cache" "$T/first"
	check "$what: the hook runs again" nvbind-hook apply --root "$root" --library-directory "$libdir"
	same_file "$what: twice is once" "$T/first" "$root/etc/ld.so.cache"
	check "$what: the image's programs run" chroot "$root" /usr/bin/perl -e 'exit 0'
}

for suite in bookworm bullseye trixie; do
	prepare "$suite" || continue
	glibc=$(chroot "$root" /usr/bin/ldd --version | sed -n '1s/.* //p')
	prove "$suite, glibc $glibc" "$LIBDIR"
done
[ "$n" -gt 0 ] || skip "no root file system could be made"

# Both formats in one file, offsets of the hwcaps counting from the file's start.
if prepare bookworm; then
	chroot "$root" /sbin/ldconfig -c compat
	like 'compat: the old format comes first' '^ld.so-1.7.0' "$(head -c 11 "$root/etc/ld.so.cache")"
	prove 'compat cache' "$LIBDIR"
	like 'compat: the new format alone is written' '^glibc-ld.so.cache1.1' "$(head -c 20 "$root/etc/ld.so.cache")"
fi

# Without a cache ld.so looks into its default directories: they must not be hidden, and a driver elsewhere be found.
if prepare bookworm; then
	rm "$root/etc/ld.so.cache"
	prove 'no cache' /opt/driver/lib
fi

# Fedora's layout: nothing lies where this ld.so would look without the cache.
if prepare bookworm; then
	mkdir -p "$root/usr/lib64.new"
	cp -a "$root$LIBDIR/." "$root/usr/lib64.new/"
	cp -L "$root/lib64/ld-linux-x86-64.so.2" "$root/usr/lib64.new/ld-linux-x86-64.so.2"
	# The compiled-in directories vanish last, so that programs run until then.
	rm -rf "$root/lib64" "$root/usr/lib64"
	mv "$root/usr/lib64.new" "$root/usr/lib64"
	ln -sfn usr/lib64 "$root/lib64"
	rm -rf "${root:?}$LIBDIR"
	printf '/usr/lib64\n' >"$root/etc/ld.so.conf"
	ldconfig -r "$root"
	check 'lib64: programs run through the cache' chroot "$root" /usr/bin/perl -e 'exit 0'
	prove 'lib64 layout' /usr/lib64
fi

# Variants for the machine at hand keep their precedence.
if prepare bookworm; then
	mkdir -p "$root$LIBDIR/glibc-hwcaps/x86-64-v2" "$root$LIBDIR/glibc-hwcaps/x86-64-v3"
	cp -L "$root$LIBDIR/libz.so.1" "$root$LIBDIR/glibc-hwcaps/x86-64-v2/libz.so.1"
	cp -L "$root$LIBDIR/libzstd.so.1" "$root$LIBDIR/glibc-hwcaps/x86-64-v3/libzstd.so.1"
	chroot "$root" /sbin/ldconfig
	if [[ $(chroot "$root" /dlopen_all libz.so.1) = */x86-64-v2/* ]]; then
		prove 'hwcaps' "$LIBDIR"
		like 'hwcaps: the variant is still taken' '/x86-64-v2/' "$(chroot "$root" /dlopen_all libz.so.1)"
		like 'hwcaps: the names are kept' 'libzstd.so.1 .*hwcap: "x86-64-v3"' "$(chroot "$root" /sbin/ldconfig -p)"
		unmount_driver "$root"
		rm "$root$LIBDIR"/lib*."$DRIVER_VERSION"
	else
		echo 'this machine is no x86-64-v2: hwcaps not tested' >&2
	fi
	# glibc writes wrong offsets of the names into this format (2.36), and then takes no variant: nor must we
	# make it.
	chroot "$root" /sbin/ldconfig -c compat
	prove 'hwcaps, compat' "$LIBDIR"
fi

# A libcuda that the image brought gives way; one for 32-bit programs is another matter.
if prepare bookworm; then
	"$MAKE_LIBRARY" libcuda.so.1 "$root/usr/local/lib/libcuda.so.1"
	mkdir -p "$root/usr/lib/i386-linux-gnu" "$T/driver32"
	"$MAKE_LIBRARY" --i386 libcuda.so.1 "$T/driver32/libcuda.so.$DRIVER_VERSION"
	chroot "$root" /sbin/ldconfig
	like 'the image has a libcuda of its own' '/usr/local/lib' "$(chroot "$root" /dlopen_all libcuda.so.1)"
	mount_driver "$T/driver" "$root" "$LIBDIR"
	mount_driver "$T/driver32" "$root" /usr/lib/i386-linux-gnu
	check 'both widths: the hook exits 0' nvbind-hook apply --root "$root" --library-directory "$LIBDIR" \
		--library-directory /usr/lib/i386-linux-gnu --link "libcuda.so.$DRIVER_VERSION::$LIBDIR/libcuda.so.1"
	like "the driver's libcuda is found" "=> $LIBDIR/libcuda.so.1\$" "$(chroot "$root" /dlopen_all libcuda.so.1)"
	listed=$(chroot "$root" /sbin/ldconfig -p | grep libcuda.so.1)
	like 'the 32-bit one is listed for 32-bit programs' '\(libc6\) => /usr/lib/i386-linux-gnu/libcuda' "$listed"
	is 'no other is left' 2 "$(wc -l <<<"$listed")"
fi

# NVIDIA's real libraries, those whose own dependencies this root can satisfy.
if [ -n "${NVB_TEST_NVIDIA_DIR:-}" ] && prepare bookworm; then
	mkdir "$T/real"
	find "$NVB_TEST_NVIDIA_DIR" -type f -name 'lib*.so.*' -exec cp -t "$T/real" {} +
	mount_driver "$T/real" "$root" "$LIBDIR"
	sonames=()
	for file in "$T/real"/*; do
		chroot "$root" /dlopen_all "$LIBDIR/${file##*/}" >/dev/null 2>&1 || continue
		sonames+=("$(objdump -p "$file" | awk '/SONAME/ {print $2}')")
	done
	nvbind-hook apply --root "$root" --library-directory "$LIBDIR"
	check "NVIDIA's own: ${sonames[*]}" chroot "$root" /dlopen_all "${sonames[@]}"
	like "NVIDIA's own: libcuda and NVML are among them" 'libcuda.so.1 .*libnvidia-ml.so.1 |libnvidia-ml.so.1 .*libcuda.so.1 ' \
		"${sonames[*]} "
fi
