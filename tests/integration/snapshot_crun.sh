#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where there is no runc, crun restores: one that was built with CRIU and finds its library. GPU memory, mounts and streams come
# back as by runc, under cgroup v1 and v2. One without is refused with the reason, and the capsule stays as it was.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule.sh"
. "$(dirname "$0")/checkpoint_lib.sh"
need_root
need bolt nvbind-sim jq crun runc
need_criu
export T ROOT=$T/root
make_counter_root "$ROOT"
make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
mkdir -p "$T/volume/a" "$T/volume/b"
RUNC=$(command -v runc)
# One that was built for it, wherever it is.
RESTORES=
for candidate in "$(command -v crun)" "${NVB_TEST_CRUN:-}"; do
	[ ! -x "$candidate" ] || ! "$candidate" --version | grep -q +CRIU || RESTORES=$candidate
done
LIBRARY=${RESTORES:+$(dirname "$RESTORES")/lib/libcriu.so.2}
[ -e "$LIBRARY" ] || LIBRARY=$(ldconfig -p | sed -n 's/.*libcriu\.so\.2.* => //p' | head -n 1)
export RUNC RESTORES LIBRARY

mounts_of() { awk '$4 != "/null" {print $4, $5, $6}' "/proc/$(init_of "$1")/mountinfo" | sort; }

# covered PATH BY: a file of the host is another one in this namespace.
covered() { mount --bind "$2" "$1"; }

counts_on() {
	local before
	counter one 1 4 -v "$T/volume/a:/a:ro" -v "$T/volume/b:/b:ro"
	before=$(mounts_of one)
	check "$WORLD: a snapshot" bolt capsule snapshot one
	covered "$RUNC" /dev/null
	check "$WORLD: a restore" bolt capsule restore one
	check "$WORLD: it counts on" goes_on one
	check "$WORLD: with all of its memory" whole one
	is "$WORLD: with its mounts as they were" "$before" "$(mounts_of one)"
	like "$WORLD: crun did it" '/crun$' "$(bolt capsule inspect one | jq -r '.[0].runtime')"
	check "$WORLD: once more" bolt capsule snapshot one
	check "$WORLD: as another capsule" bolt capsule restore one --name two
	check "$WORLD: which counts on" goes_on two
	bolt capsule rm -f one two >/dev/null
	umount "$RUNC"
}

# unable WHAT REGEX: what it says where nothing can restore; then it can.
unable() {
	bolt capsule snapshot one >/dev/null
	covered "$RUNC" /dev/null
	refuses "$WORLD: $1: a restore" 1 "$2" bolt capsule restore one
	umount "$RUNC"
	check "$WORLD: $1: restored when there is a runc" bolt capsule restore one
	check "$WORLD: $1: it counts on" goes_on one
	check "$WORLD: $1: with all of its memory" whole one
}

refusals() {
	counter one 1 2
	printf '#!/bin/sh\n[ "$1" != --version ] || { echo "crun version 1.8.1"; echo "+SYSTEMD +CAP +SECCOMP +EBPF"; exit; }\nexit 1\n' >"$T/without"
	chmod 755 "$T/without"
	covered "$(command -v crun)" "$T/without"
	unable 'a crun without CRIU' 'takes runc, or a crun that was built with CRIU'
	umount "$(command -v crun)"
	[ -z "$RESTORES" ] || {
		[ "$(command -v crun)" = "$RESTORES" ] || covered "$(command -v crun)" "$RESTORES"
		[ ! -e "$LIBRARY" ] || covered "$LIBRARY" /dev/null
		unable 'a crun without libcriu' 'libcriu, which is not installed'
		[ ! -e "$LIBRARY" ] || umount "$LIBRARY"
		[ "$(command -v crun)" = "$RESTORES" ] || umount "$(command -v crun)"
	}
	bolt capsule rm -f one >/dev/null
}

world() {
	trap end_capsules EXIT
	if [ -n "$RESTORES" ] && [ -e "$LIBRARY" ]; then
		[ "$(command -v crun)" = "$RESTORES" ] || covered "$(command -v crun)" "$RESTORES"
		counts_on
		[ "$(command -v crun)" = "$RESTORES" ] || umount "$(command -v crun)"
	else
		echo '# left out: a crun with CRIU and its library'
	fi
	# What it says does not depend on control groups.
	[ -n "${REFUSED:-}" ] || refusals
	is "$WORLD: nothing is left" '' "$(leaked)"
	is "$WORLD: no lease is left" '[]' "$(nvbind info --leases --format json)"
}

any=
for version in v1 v2; do
	runtime_works runc $version || continue
	export RUNTIME=crun WORLD="crun $version" REFUSED=$any
	# It starts capsules, too, where it can.
	runtime_works crun $version || RUNTIME=runc
	with_cgroup_$version surge_state world
	any=1
done
[ -n "$any" ] || skip 'runc cannot run a container here'
