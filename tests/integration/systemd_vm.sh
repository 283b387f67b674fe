#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The systemd units and the udev rule of the packages in a machine that boots: Debian's kernel and systemd, emulated,
# with a module that is called nvidia and a GPU that it is bound to. The kernel's events are real, the driver is
# simulated. Left out unless NVB_TEST_VM=1: it takes some 150 MB of packages and four minutes.
. "$(dirname "$0")/lib.sh"
need_root
[ "${NVB_TEST_VM:-}" = 1 ] || skip 'boots a machine (NVB_TEST_VM=1)'
need qemu-system-x86_64 debootstrap cpio make
kernel=$(find /boot -name 'vmlinuz-*cloud*' | sort -V | tail -n 1)
headers=/usr/src/linux-headers-${kernel#/boot/vmlinuz-}
{ [ -n "$kernel" ] && [ -d "$headers" ]; } || skip 'no linux-image-cloud-amd64 with its headers'

"$NVB_SOURCE/scripts/package-deb" "$T/packages" >/dev/null
debootstrap --variant=minbase --include=systemd,systemd-sysv,udev,kmod,libjson-c5,libyaml-0-2 bookworm "$T/root" \
	"${NVB_DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$T/debootstrap.log" || {
	fail "debootstrap: $(tail -n 1 "$T/debootstrap.log")"
	exit 1
}
mkdir "$T/module"
cp "$(dirname "$0")/vm/nvidia.c" "$T/module/"
echo 'obj-m := nvidia.o' >"$T/module/Makefile"
make -C "$headers" "M=$T/module" modules >"$T/module/log" 2>&1 || {
	fail "the module: $(tail -n 1 "$T/module/log")"
	exit 1
}

cp "$T/packages"/{libnvbind0,nvbind,nvbind-sim}_*.deb "$T/root/tmp/"
chroot "$T/root" sh -c 'dpkg -i /tmp/*.deb && rm /tmp/*.deb' >"$T/dpkg.log" 2>&1 || {
	fail "dpkg: $(tail -n 3 "$T/dpkg.log")"
	exit 1
}
cp "$T/module/nvidia.ko" "$(dirname "$0")/vm/check" "$T/root/root/"
cat >"$T/root/etc/systemd/system/check.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/root/check
END
ln -s ../check.service "$T/root/etc/systemd/system/multi-user.target.wants/"
(cd "$T/root" && find . | cpio --quiet -o -H newc | gzip -1) >"$T/initrd"
rm -rf --one-file-system "$T/root"

# The file system is the machine's memory: there is no disk, and nothing to be mounted.
timeout 400 qemu-system-x86_64 -M q35 -m 2048 -smp 2 -vga std -display none -monitor none -net none -no-reboot \
	-serial "file:$T/serial" -kernel "$kernel" -initrd "$T/initrd" \
	-append 'console=ttyS0 rdinit=/lib/systemd/systemd quiet systemd.mask=serial-getty@ttyS0.service' || :
tr -d '\r' <"$T/serial" | grep -aE '^(not )?ok - ' >"$T/results" || :
while read -r line; do
	is "${line#*ok - }" ok "${line%% - *}"
done <"$T/results"
like 'the machine went through all of it' 'the end' "$(tr -d '\r' <"$T/serial" | tail -n 5)"
