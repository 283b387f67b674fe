# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the container_*.sh tests share: real root file systems, and programs that run in them. Sourced after lib.sh.
#
# Root file systems come from debootstrap and are kept in NVB_TEST_CACHE (default /var/cache/nvbind-tests), since making
# one takes a minute and a mirror. NVB_TEST_NVIDIA_DIR names a driver root with NVIDIA's real libraries, if there is one.

NVB_TEST_CACHE=${NVB_TEST_CACHE:-/var/cache/nvbind-tests}
MAKE_LIBRARY=$NVB_BUILD/tests/integration/make-library
PROGRAMS=$NVB_SOURCE/tests/integration/programs
LIBDIR=/usr/lib/x86_64-linux-gnu

# A build with sanitizers is neither static nor filtered.
hook_is_sanitized() { is_sanitized; }

# debian_root SUITE: the path of a Debian root file system that must not be changed; fails when it cannot be had.
debian_root() {
	local dir=$NVB_TEST_CACHE/$1
	mkdir -p "$NVB_TEST_CACHE"
	(
		flock 9
		[ ! -d "$dir" ] || exit 0
		command -v debootstrap >/dev/null || exit 1
		rm -rf "$dir.part"
		debootstrap --variant=minbase "$1" "$dir.part" >"$dir.log" 2>&1 || exit 1
		mv "$dir.part" "$dir"
	) 9>"$NVB_TEST_CACHE/.lock.$1" || return 1
	echo "$dir"
}

# fresh_root LOWER DIR: a writable root at DIR/root with the content of LOWER.
fresh_root() {
	mkdir -p "$2/upper" "$2/work" "$2/root"
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
}

# build_dlopen_all ROOT LIBDIR: puts /dlopen_all into the root, linked with the root's own C library.
build_dlopen_all() {
	local libs=("$1$2/libc.so.6")
	[ ! -e "$1$2/libdl.so.2" ] || libs+=("$1$2/libdl.so.2")
	cc -O1 -nodefaultlibs -Wl,--allow-shlib-undefined -o "$1/dlopen_all" "$PROGRAMS/dlopen_all.c" "${libs[@]}" -lgcc
}

# Names as the driver has them, and others whose numbers are traps for an order that is not glibc's.
DRIVER_VERSION=550.54.15
DRIVER_SONAMES=(
	libcuda.so.1 libnvidia-ml.so.1 libcudadebugger.so.1 libnvcuvid.so.1 libnvidia-allocator.so.1 libnvidia-cfg.so.1
	libnvidia-egl-gbm.so.1 libnvidia-egl-wayland.so.1 libnvidia-egl-wayland2.so.1 libnvidia-egl-xcb.so.1
	libnvidia-egl-xlib.so.1 libnvidia-eglcore.so.$DRIVER_VERSION libnvidia-encode.so.1 libnvidia-fbc.so.1
	libnvidia-glcore.so.$DRIVER_VERSION libnvidia-glsi.so.$DRIVER_VERSION libnvidia-glvkspirv.so.$DRIVER_VERSION
	libnvidia-gpucomp.so.$DRIVER_VERSION libnvidia-ngx.so.1 libnvidia-nvvm.so.4 libnvidia-nvvm70.so.4
	libnvidia-opencl.so.1 libnvidia-opticalflow.so.1 libnvidia-pkcs11-openssl3.so.$DRIVER_VERSION
	libnvidia-pkcs11.so.$DRIVER_VERSION libnvidia-ptxjitcompiler.so.1 libnvidia-rtcore.so.$DRIVER_VERSION
	libnvidia-sandboxutils.so.1 libnvidia-tls.so.$DRIVER_VERSION libnvidia-vksc-core.so.1 libnvoptix.so.1
	libvdpau_nvidia.so.1 libGLX_nvidia.so.0 libEGL_nvidia.so.0 libGLESv1_CM_nvidia.so.1 libGLESv2_nvidia.so.2
	libnvidia-x9.so.1 libnvidia-x10.so.1 libnvidia-x100.so.1 libnvidia-x9a.so.1 libnvidia-x.so.1 libnvidia-x09.so.2
)

# make_driver DIR: stub libraries with those SONAMEs, named as the driver names its files.
make_driver() {
	local soname file
	[ -x "$MAKE_LIBRARY" ] || skip "make-library was not built (the simulator is switched off)"
	mkdir -p "$1"
	for soname in "${DRIVER_SONAMES[@]}"; do
		file=${soname%%.so*}.so.$DRIVER_VERSION
		"$MAKE_LIBRARY" "$soname" "$1/$file"
	done
}

# mount_driver DRIVER ROOT LIBDIR: mounts every file of it into the root, as a runtime does.
mount_driver() {
	local file
	mkdir -p "$2$3"
	for file in "$1"/*; do
		: >>"$2$3/${file##*/}"
		mount --bind "$file" "$2$3/${file##*/}"
	done
}

unmount_driver() { # ROOT
	local m
	for m in $(lib_mounts_below "$1"); do
		[ "$m" = "$1" ] || umount "$m"
	done
}

# cached_sonames ROOT: what its cache lists for 64-bit programs. Two of glibc's are there to be preloaded and talk when
# they are loaded.
cached_sonames() {
	ldconfig -r "$1" -p | awk '/\(libc6,x86-64/ && !/libmemusage|libpcprofile/ {print $1}' | sort -u
}
