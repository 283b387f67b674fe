# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Images against nvbind-hook, the createContainer hook of CDI specs and of edited config.json files.

need nvbind-hook
SAYS=nvbind-hook
HOOK=$BIN/nvbind-hook
[ "$GUARD" != static ] || HOOK=$BIN/nvbind-hook-dynamic

LINKS=(libcuda.so.550.54.15::$LIBDIR/libcuda.so.1 libcuda.so.1::$LIBDIR/libcuda.so
	../libnvidia-allocator.so.1::$LIBDIR/gbm/nvidia-drm_gbm.so x::$LIBDIR/nvidia/wine/nvngx.dll
	../card1::/dev/dri/by-path/pci-0000:41:00.0-card x::/etc/alternatives/gpu x::/run/nvbind/driver)

attack() {
	local arguments=() options=() below=() link
	for link in "${LINKS[@]}"; do
		arguments+=(--link "$link")
	done
	[ ! -e "$CASE/arguments" ] || mapfile -t -O "${#arguments[@]}" arguments <"$CASE/arguments"
	[ ! -e "$CASE/below" ] || mapfile -t below <"$CASE/below"
	is_sanitized || options+=(--trace)
	[ ! -e "$CASE/namespace" ] || options+=(--namespace)
	[ -e "$CASE/state" ] || echo "{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"pid\":1,\"bundle\":\"$BUNDLE\"}" >"$CASE/state"
	# What it runs below is not what is tested: that has an environment of its own.
	[ ${#below[@]} -eq 0 ] || below=(PATH=/usr/bin "${below[@]}" /usr/bin/env -i)
	attempt "${options[@]}" --stdin "$CASE/state" "${below[@]}" ${GUARD:+NVB_TEST_GUARD_OFF="$GUARD"} \
		"${HOSTILE_ENVIRONMENT[@]}" "$HOOK" apply "${arguments[@]}" --library-directory "$LIBDIR" --library-directory /lib
}

has_links() {
	local link
	for link in "${LINKS[@]}"; do
		[ "$(readlink "$ROOT${link#*::}")" = "${link%%::*}" ] || {
			[ -n "$GUARD" ] || echo "    not made: $link"
			return 1
		}
	done
}

# listed ROOT: what its cache has, as ld.so would see it.
listed() { ldconfig -r "$1" -p 2>/dev/null | sed -n 's/^\t//p'; }
lists_driver() { listed "$ROOT" | grep -qF "libcuda.so.1 (libc6,x86-64) => $LIBDIR/libcuda.so"; }
work_done() { has_links && lists_driver; }

judge_process() {
	! is_sanitized || return 0
	[ "$mounts" = "$(cat "$CASE/namespace" 2>/dev/null || echo 0)" ] || wrong "$mounts mounts are left"
	[ ! -e "$CASE/below" ] || return 0
	[ "$forks" = 0 ] || wrong "it made processes"
	[ "$execs" = 1 ] || wrong "it executed something"
	[ "$no_new_privs" = 1 ] || wrong "it could get privileges"
	# 0: it had not come to the image yet.
	[ "$seccomp" = 2 ] || [ "$status" = 1 ] || grep -qE 'container (state|root)|bundle' "$CASE/stderr" ||
		wrong "no system call filter"
}

. "${BASH_SOURCE[0]%/*}/hook_links.sh"
. "${BASH_SOURCE[0]%/*}/hook_files.sh"
. "${BASH_SOURCE[0]%/*}/hook_mounts.sh"
. "${BASH_SOURCE[0]%/*}/hook_races.sh"
