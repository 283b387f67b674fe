# SPDX-License-Identifier: Apache-2.0
# What quickstart and test share; sourced, not run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n==> %s\n' "$*" >&2; }

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# What building and running need, and what the tests need besides.
build_packages="gcc libc6-dev meson ninja-build pkg-config libjson-c-dev libyaml-dev libarchive-dev
	nettle-dev libzstd-dev liblz4-dev libmicrohttpd-dev libncurses-dev libcmocka-dev"
run_packages="runc crun skopeo ca-certificates busybox-static uidmap"
test_packages="clang git jq strace tmux python3 python3-yaml python3-jsonschema podman debootstrap util-linux
	build-essential debhelper dpkg-dev lintian
	binutils xz-utils zstd attr curl file procps iproute2 iptables containernetworking-plugins netavark slirp4netns musl-tools conmon patch patchelf"

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root; become root or install sudo"
	fi
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Installs those of the named packages that are missing; asks the network nothing when none is.
need_packages() {
	local missing=() p
	command -v apt-get >/dev/null || die "only Debian and Ubuntu are set up by this script; install by hand: $*"
	for p in "$@"; do
		installed "$p" || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return
	say "installing ${missing[*]}"
	as_root apt-get -o DPkg::Lock::Timeout=600 update -q
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -q \
		--no-install-recommends "${missing[@]}"
}

# Of the named packages those that this release has: names that differ between Debian and Ubuntu.
that_exist() {
	local p
	for p in "$@"; do
		[ -z "$(apt-cache show "$p" 2>/dev/null | head -n 1)" ] || echo "$p"
	done
}

# build DIR [MESON OPTION...]: sets DIR up once, then builds what changed.
build() {
	local dir=$1
	shift
	if [ -f "$dir/build.ninja" ]; then
		meson configure "$dir" "$@" >/dev/null
	else
		meson setup "$dir" "$top" "$@" >/dev/null || {
			tail -n 40 "$dir/meson-logs/meson-log.txt" >&2
			die "meson could not set up $dir"
		}
	fi
	ninja -C "$dir"
}
