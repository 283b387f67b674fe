#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program in a root with musl finds a library in a directory that only nvbind-hook told it of. NVIDIA's own libraries
# need glibc and do not load there; what is promised is that paths are right, so a library without dependencies proves it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook musl-gcc chroot
[ -x "$MAKE_LIBRARY" ] || skip "make-library was not built (the simulator is switched off)"
[ "$(uname -m)" = x86_64 ] || skip "the stub libraries are for x86-64"

loader=/lib/ld-musl-x86_64.so.1
root=$T/root
mkdir -p "$root/lib" "$root$LIBDIR" "$root/usr/lib"
cp -L "$loader" "$root$loader"
musl-gcc -o "$root/dlopen_all" "$PROGRAMS/dlopen_all.c"
"$MAKE_LIBRARY" libcuda.so.1 "$root$LIBDIR/libcuda.so.$DRIVER_VERSION"
"$MAKE_LIBRARY" libown.so.1 "$root/usr/lib/libown.so.1"
hook=(nvbind-hook apply --root "$root" --library-directory "$LIBDIR"
	--link "libcuda.so.$DRIVER_VERSION::$LIBDIR/libcuda.so.1")

look() { chroot "$root" /dlopen_all "$@" 2>&1 || :; }
like 'without the hook it is not found' 'libcuda.so.1: ' "$(look libcuda.so.1)"
check 'the hook exits 0' "${hook[@]}"
is 'the driver is found' "libcuda.so.1 => $LIBDIR/libcuda.so.1" "$(look libcuda.so.1)"
is "musl's own directories are searched as before" 'libown.so.1 => /usr/lib/libown.so.1' "$(look libown.so.1)"
check 'no cache is made where nothing reads it' test ! -e "$root/etc/ld.so.cache"
cp "$root/etc/ld-musl-x86_64.path" "$T/first"
check 'the hook runs again' "${hook[@]}"
same_file 'twice is once' "$T/first" "$root/etc/ld-musl-x86_64.path"

# An image's own file keeps what it says, and its order.
printf '/opt/first:/usr/lib' >"$root/etc/ld-musl-x86_64.path"
mkdir -p "$root/opt/first"
"$MAKE_LIBRARY" libown.so.1 "$root/opt/first/libown.so.1"
check "the hook extends an image's own file" "${hook[@]}"
is "the image's order stays" 'libown.so.1 => /opt/first/libown.so.1' "$(look libown.so.1)"
is 'and the driver is found' "libcuda.so.1 => $LIBDIR/libcuda.so.1" "$(look libcuda.so.1)"
