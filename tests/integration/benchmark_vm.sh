#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `benchmark` says of input, in a machine that has /dev/uinput whatever the host has: Debian 12's kernel (6.1, where
# overlayfs takes its layers the old way) and what was built, emulated. The devices, their events and the capsule are real; how long things take there is the emulator's.
# Left out unless NVB_TEST_VM=1: a kernel of 70 MB, and a minute or two.
. "$(dirname "$0")/lib.sh"
need_root
[ "${NVB_TEST_VM:-}" = 1 ] || skip 'boots a machine (NVB_TEST_VM=1)'
need bolt qemu-system-x86_64 cpio jq meson runc apt-get dpkg
! is_sanitized || skip 'an emulated machine and sanitizers take too long together'

kernel=${NVB_TEST_CACHE:-$T}/kernel
if [ ! -e "$kernel/boot" ]; then
	package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
	[ -n "$package" ] || skip 'no package linux-image-amd64'
	mkdir "$T/fetched"
	(cd "$T/fetched" && apt-get -q download "$package" >apt.log 2>&1) || skip "cannot fetch $package"
	dpkg -x "$T/fetched/$package"*.deb "$T/fetched/kernel"
	mkdir -p "${kernel%/*}"
	mv "$T/fetched/kernel" "$kernel"
fi

root=$T/root
make_glibc_root "$root"
DESTDIR=$root meson install -C "$NVB_BUILD" --no-rebuild >"$T/install.log" 2>&1 || {
	fail "meson install: $(tail -n 1 "$T/install.log")"
	exit 1
}
cp "$(command -v runc)" "$root/usr/bin/runc"
prefix=$(meson introspect "$NVB_BUILD" --buildoptions | jq -r '.[] | select(.name == "prefix").value')
[ "$prefix" = /usr/local ] || ln -s "$prefix/bin/bolt" "$root/usr/bin/bolt"
for program in "$root$prefix"/bin/* "$root$prefix"/libexec/nvbind/* "$root/usr/bin/runc"; do
	{ ldd "$program" 2>/dev/null || :; } | sed -n "s/.* => \(\/[^ ]*\) .*/\1/p"
done | sort -u | while read -r library; do
	mkdir -p "$root$(dirname "$library")"
	[ -e "$root$library" ] || cp -L "$library" "$root$library"
done
mkdir -p "$root/sbin"
cp "$(command -v ldconfig || echo /sbin/ldconfig)" "$root/sbin/ldconfig"
ldconfig -r "$root"
make_glibc_root "$root/base"
mkdir "$root/modules"
for module in evdev uinput overlay; do
	find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$root/modules/" \;
done
cp "$(dirname "$0")/vm/input" "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$T/initrd"

timeout 900 qemu-system-x86_64 -M q35 -m 3072 -smp 2 -nodefaults -vga none -display none -monitor none -no-reboot \
	-serial "file:$T/serial" -kernel "$(find "$kernel/boot" -name 'vmlinuz-*')" -initrd "$T/initrd" \
	-append 'console=ttyS0 quiet panic=1' </dev/null || :
tr -d '\r' <"$T/serial" >"$T/said"
sed -n '/^raw$/,/^end$/p' "$T/said" | sed '1d;$d' >"$T/raw.json"
if ! jq -e . "$T/raw.json" >"$T/record" 2>&1; then
	fail 'the machine went through all of it' "$(tail -n 40 "$T/said")"
	exit 1
fi
pass 'the machine went through all of it'
while read -r line; do
	is "${line#*ok - }" ok "${line%% - *}"
done < <(grep -aE '^(not )?ok - ' "$T/said")
is 'each was tried' 8 "$(grep -acE '^(not )?ok - ' "$T/said")"
unlike 'a kernel before 6.5 is not asked for what it does not know' 'overlayfs: ' "$(cat "$T/said")"
is 'no reason is given why there is no figure of input' '' "$(jq -r '.not_measured[] | select(.what == "input").reason' "$T/raw.json")"
for subject in host input-capsule; do
	is "$subject: all presses were read" 500 \
		"$(jq --arg s "$subject" '.series[] | select(.subject == $s and .metric == "input").values | length' "$T/raw.json")"
	is "$subject: each took time, and less than the limit of 5 s" true \
		"$(jq --arg s "$subject" '.series[] | select(.subject == $s and .metric == "input").values | min > 0 and max < 5e9' "$T/raw.json")"
done
bolt benchmark --replay "$T/raw.json" >"$T/report"
like 'the report has both' 'input' "$(cat "$T/report")"
grep -i -A6 input "$T/report"

