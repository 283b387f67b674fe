#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: lintian finds no error, they install into a system of this release, what they bring works there,
# and after a purge the system has the files it had before.

. "$(dirname "$0")/lib.sh"
. "$NVB_SOURCE/tests/integration/container_lib.sh"
need_root
need dpkg-buildpackage dh lintian debootstrap git
! is_sanitized || skip 'packages are built without sanitizers'
git -C "$NVB_SOURCE" ls-files --error-unmatch packaging/debian/control >/dev/null 2>&1 || skip 'no git checkout'

# The example has every key that is documented, and as it stands all of them are right.
documented=$(sed -n '/^| section/,/^$/s/^|[^|]*| `\([a-z-]*\)` |.*/\1/p' "$NVB_SOURCE/docs/configuration.md" | sort -u)
is 'the example configuration has every key' "$documented" \
	"$(sed -n 's/^#\([a-z-]*\) = .*/\1/p' "$NVB_SOURCE/packaging/config.toml" | sort -u)"
sed 's/^#\([a-z-]* = \)/\1/' "$NVB_SOURCE/packaging/config.toml" >"$T/config.toml"
make_sim h200x8 "$T/host"
check 'and is accepted with all of them' nvbind info --config "$T/config.toml" --root "$T/host"

# Without optimising: the same files in half the time.
check 'scripts/package-deb' env DEB_BUILD_OPTIONS="noautodbgsym noopt parallel=$(nproc)" "$NVB_SOURCE/scripts/package-deb" "$T/debs"
is 'its packages' 'libnvbind-dev libnvbind0 nvbind nvbind-bolt nvbind-docker-hook nvbind-sim' \
	"$(for deb in "$T/debs"/*.deb; do dpkg-deb -f "$deb" Package; done | sort | tr '\n' ' ' | sed 's/ $//')"
out=$(lintian --allow-root --fail-on error "$T/debs"/*.deb 2>&1) && pass 'lintian finds no error' || fail 'lintian finds no error' "$out"

# A system of this release with what the packages depend on: made once, since that takes a mirror.
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
base=$(debian_root "$codename") || skip "no root file system of $codename to be had"
wanted=$(for deb in "$T/debs"/*.deb; do dpkg-deb -f "$deb" Depends; done | tr ',' '\n' |
	sed 's/[|(].*//; s/ //g; /nvbind/d; /^libc6$/d; /^$/d' | sort -u)
system=$NVB_TEST_CACHE/$codename-$(md5sum <<<"$wanted" | cut -c1-12)
(
	flock 9
	[ ! -d "$system" ] || exit 0
	rm -rf "$system.part"
	cp -a "$base" "$system.part"
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive chroot "$system.part" sh -ec 'apt-get -q update
		apt-get install -q -y --no-install-recommends "$@" runc
		apt-get clean' sh $wanted >"$system.log" 2>&1 </dev/null || exit 1
	mv "$system.part" "$system"
) 9>"$NVB_TEST_CACHE/.lock.$codename-packages" || skip "the dependencies cannot be installed: $(tail -n 1 "$system.log")"

# An overlay's upper directory cannot be one of bolt's, so it is a copy.
cp -a --reflink=auto "$system" "$T/system"
make_glibc_root "$T/system/opt/image"
mkdir -p "$T/system/debs"
cp "$T/debs"/*.deb "$T/system/debs/"
rm -f "$T/system/debs"/nvbind-docker-hook_*

files() { (cd "$T/system" && find . -xdev | grep -vE '^./(proc|sys|dev|tmp|var/(cache|log|lib/dpkg|lib/apt)|run/lock|debs)(/|$)' | sort); }
in_system() { chroot "$T/system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }

try_system() {
	mount --bind "$T/system" "$T/system" # / is a mount everywhere but in a bare chroot
	mount -t proc proc "$T/system/proc"
	mount --rbind /sys "$T/system/sys"
	mount --rbind /dev "$T/system/dev"
	files >"$T/before"
	check 'they install' in_system sh -c 'apt-get install -q -y --no-install-recommends /debs/*.deb'
	check 'and again, as an upgrade does' in_system sh -c 'dpkg -i /debs/*.deb'
	is 'all of them are configured' 'install ok installed' "$(in_system dpkg-query -W -f '${Status}\n' \
		libnvbind-dev libnvbind0 nvbind nvbind-bolt nvbind-sim | sort -u)"
	is 'their libraries are there' '' "$(in_system ldd /usr/bin/nvbind /usr/bin/bolt 2>/dev/null | grep 'not found' || true)"
	like 'nvbind --version' '^nvbind [0-9]' "$(in_system nvbind --version)"
	is 'the service that watches CDI specs is there and enabled' enabled \
		"$([ -L "$T/system/etc/systemd/system/multi-user.target.wants/nvbind-cdi-watch.service" ] && echo enabled)"
	check 'and what puts knobs back at boot' in_system test -e /lib/systemd/system/nvbind-knobs.service
	check 'and what divides GPUs by MIG at boot' in_system test -e /lib/systemd/system/nvbind-mig.service
	check 'and what starts capsules at boot' in_system test -e /lib/systemd/system/bolt-restart.service
	check 'and what udev starts' in_system test -e /lib/systemd/system/nvbind-cdi-refresh.service
	check 'by its rule' in_system test -e /lib/udev/rules.d/60-nvbind-cdi.rules
	check 'and its examples, in C' in_system test -e /usr/share/doc/libnvbind-dev/examples/c/engine.c
	check 'and in Rust' in_system test -e /usr/share/doc/libnvbind-dev/examples/rust/bolt.rs
	like 'the library is found' libnvbind.so.0 "$(in_system ldconfig -p)"

	check 'nvbind-sim create' in_system nvbind-sim create --scenario h200x8 /opt/machine
	is 'bolt surge run' 8 "$(in_system env NVBIND_ROOT=/opt/machine bolt surge run --rm --gpu all --profile ai /opt/image \
		nvidia-smi -L 2>>"$T/log" | grep -c H200 || cat "$T/log" >&2)"
	is 'nvbind run' 1 "$(in_system nvbind run --root /opt/machine --runtime bolt --gpu 3 --rootfs /opt/image img -- \
		nvidia-smi -L 2>>"$T/log" | grep -c H200 || cat "$T/log" >&2)"
	check 'nvbind cdi generate' in_system nvbind cdi generate --root /opt/machine --output /etc/cdi/
	like 'names the hook where it was installed' 'path: /usr/bin/nvbind-hook' "$(in_system cat /etc/cdi/nvidia.com-gpu.yaml)"
	mkdir -p "$T/system/etc/docker" "$T/system/etc/containers"
	printf '{\n     "log-level":   "info"\n}\n' >"$T/daemon.json"
	cp "$T/daemon.json" "$T/system/etc/docker/"
	check 'nvbind runtime configure' in_system nvbind runtime configure --runtime docker --set-default
	like 'names the program where it was installed' '"/usr/bin/nvbind-runtime"' "$(cat "$T/system/etc/docker/daemon.json")"
	printf '[engine.runtimes]\nmine = ["/usr/bin/nvbind-runtime"]\n' >"$T/system/etc/containers/containers.conf"
	check 'the machine is destroyed' in_system nvbind-sim destroy /opt/machine

	out=$(in_system dpkg --remove nvbind-bolt nvbind-sim libnvbind-dev libnvbind0 nvbind 2>&1) || fail 'they are removed' "$out"
	like 'a spec that names what is gone is said' 'nvidia.com-gpu.yaml still names nvbind-hook' "$out"
	like 'an engine that does, too' 'containers.conf still names nvbind-runtime' "$out"
	same_file 'what nvbind had changed is as it was' "$T/daemon.json" "$T/system/etc/docker/daemon.json"
	rm -r "$T/system/etc/docker" "$T/system/etc/containers"
	check 'they are purged' in_system dpkg --purge nvbind-bolt nvbind-sim libnvbind-dev libnvbind0 nvbind
	rmdir "$T/system/etc/cdi" 2>/dev/null || true # generate's, not a package's
	files >"$T/after"
	is 'nothing is left' '' "$(diff "$T/before" "$T/after" || true)"
	is 'nor does dpkg know them' '' "$(in_system dpkg -l | grep nvbind || true)"

	# NVIDIA's own toolkit is not replaced without being asked for: the name it has is in a package of its own.
	cp "$T/debs"/nvbind-docker-hook_* "$T/system/debs/"
	check 'the hook for docker installs' in_system sh -c 'dpkg -i /debs/nvbind_*.deb /debs/nvbind-docker-hook_*.deb'
	check 'and is a program' in_system test -x /usr/bin/nvidia-container-runtime-hook
	like 'which NVIDIA'\''s package excludes' 'nvidia-container-toolkit' "$(dpkg-deb -f "$T"/debs/nvbind-docker-hook_*.deb Conflicts)"
}
in_mount_namespace try_system
