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
	zsh fish man-db mandoc binutils xz-utils zstd attr curl file procps iproute2 iptables containernetworking-plugins netavark slirp4netns musl-tools conmon patch patchelf"

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

# --- CRIU ------------------------------------------------------------------------------------------------------------

criu_packages="make libprotobuf-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libnl-3-dev libnet1-dev libcap-dev
	libbsd-dev libgnutls28-dev libnftables-dev uuid-dev patch xz-utils"

criu_works() { [ -x "$1" ] && as_root "$1" check >/dev/null 2>&1; }

# build_criu DIR: of the source package of a later Debian, fetched with lists of its own so that the host's stay as they are.
build_criu() {
	local dir=$1.new apt
	# shellcheck disable=SC2086 # a list of words
	need_packages $criu_packages || return
	rm -rf "$dir" && mkdir -p "$dir"/lists/partial "$dir"/archives/partial || return
	echo "deb-src http://deb.debian.org/debian forky main" >"$dir/sources.list"
	apt=(-q -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$dir/lists"
		-o "Dir::Cache::Archives=$dir/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
	apt-get "${apt[@]}" update && (cd "$dir" && apt-get "${apt[@]}" source --tar-only criu && tar xf criu_*.orig.tar.* &&
		make -C criu-*/ -j"$(nproc)" criu && cp criu-*/criu/criu ./criu) >"$1.log" 2>&1 || return
	rm -rf "$1" && mkdir "$1" && mv "$dir/criu" "$1/criu" && rm -rf "$dir" "$1.log"
}

# provide_criu CACHE: a CRIU that works on this kernel: the host's own, its release's, or one built into CACHE/criu. Prints its
# path. Debian 12's own (3.17.1) fails on kernels from about 6.9 on.
provide_criu() {
	local own candidate
	own=$(PATH=$PATH:/usr/sbin:/sbin command -v criu || true)
	! criu_works "$own" || { echo "$own" && return; }
	! criu_works "$1/criu/criu" || { echo "$1/criu/criu" && return; }
	candidate=$(apt-cache show --no-all-versions criu 2>/dev/null | sed -n 's/^Version: \([0-9]*\)\..*/\1/p')
	if [ -z "$own" ] && [ "${candidate:-0}" -ge 4 ]; then
		need_packages criu >&2 || return
		! criu_works /usr/sbin/criu || { echo /usr/sbin/criu && return; }
	fi
	say "building a CRIU that works on this kernel"
	mkdir -p "$1" && build_criu "$1/criu" >&2 && criu_works "$1/criu/criu" && echo "$1/criu/criu"
}
