#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the hook is while it handles an image's files: no environment, no capability that its work does not take, no
# program to be executed; and each capability that it keeps is one that its work fails without.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook strace setpriv jq
! hook_is_sanitized || skip "a sanitizer's runtime cannot be traced"
[ -x "$MAKE_LIBRARY" ] || skip "make-library was not built (the simulator is switched off)"

# image DIR: a library in it, a cache of another user's.
image() {
	rm -rf "$1"
	mkdir -p "$1/etc" "$1/lib64" "$1$LIBDIR"
	: >"$1/lib64/ld-linux-x86-64.so.2"
	"$MAKE_LIBRARY" libcuda.so.1 "$1$LIBDIR/libcuda.so.550.1"
	ldconfig -r "$1" 2>/dev/null
	rm -f "$1/etc/ld.so.cache"
	nvbind-hook apply --root "$1" --library-directory "$LIBDIR"
	"$MAKE_LIBRARY" libnvidia-ml.so.1 "$1$LIBDIR/libnvidia-ml.so.550.1"
}
work=(apply --root "$T/root" --library-directory "$LIBDIR" --link "libcuda.so.550.1::$LIBDIR/libcuda.so")

# --- what it gives up --------------------------------------------------------------------------------------------------
image "$T/root"
trace() { strace -f -e trace=capset,prctl,seccomp,execve,openat,openat2 -o "$T/trace" nvbind-hook "$@"; }
kept() { sed -n 's/.*capset(.*{effective=\([^,]*\), permitted=\([^,]*\), inheritable=\([^}]*\)}.*/\1 \2 \3/p' "$T/trace"; }
base='1<<CAP_CHOWN|1<<CAP_DAC_OVERRIDE|1<<CAP_FOWNER'
trace "${work[@]}"
is 'it keeps three capabilities' "$base $base 0" "$(kept)"
trace "${work[@]}" --mount
is 'and one more to mount' "$base|1<<CAP_SYS_ADMIN $base|1<<CAP_SYS_ADMIN 0" "$(kept)"
like 'the ambient set is empty' 'PR_CAP_AMBIENT_CLEAR_ALL.*= 0$' "$(cat "$T/trace")"
is 'so is the bounding set' "$(($(cat /proc/sys/kernel/cap_last_cap) + 1))" \
	"$(grep -E 'PR_CAPBSET_DROP.* = (0|-1 EINVAL.*)$' "$T/trace" | grep -c ' = 0$' || :)"
like 'no new privileges' 'PR_SET_NO_NEW_PRIVS, 1.*= 0$' "$(cat "$T/trace")"
is 'all before it opens a file of the image' '' "$(sed '/PR_SET_SECCOMP/,$d' "$T/trace" |
	grep -E "openat2?\(" | grep -vE "\"$T/root\"|/proc/self" || :)"
is 'and it executes nothing' 1 "$(grep -c execve "$T/trace")"

# --- what it needs -----------------------------------------------------------------------------------------------------
# without CAPABILITY: what the hook says.
without() { setpriv --bounding-set "-$1" --inh-caps "-$1" nvbind-hook "${work[@]}" 2>&1; }
theirs() { # an image of another user's, closed to others
	image "$T/root"
	chown -R 1234:1234 "$T/root"
	chmod 0700 "$T/root/etc"
	chmod 0640 "$T/root/etc/ld.so.cache"
}
cache() { stat -c '%u %g %a' "$T/root/etc/ld.so.cache"; }
theirs
is 'with them nothing is said' '' "$(nvbind-hook "${work[@]}" 2>&1)"
is 'owner and mode are the old ones' '1234 1234 640' "$(cache)"
theirs
like 'without CAP_DAC_OVERRIDE the cache stays as it is' 'ld.so.cache left as it is' "$(without dac_override)"
theirs
without chown >/dev/null
is 'without CAP_CHOWN it is not its owner'"'"'s' '0 0 640' "$(cache)"
theirs
like 'without CAP_FOWNER it stays as it is' 'ld.so.cache left as it is' "$(without fowner)"

# --- its environment ---------------------------------------------------------------------------------------------------
# Static, so that nothing is preloaded; and what it was handed is gone.
image "$T/root"
check 'no dynamic loader' bash -c '! readelf -l "$(readlink -f "$0")" | grep -q INTERP' "$NVB_BUILD/bin/nvbind-hook"
is 'LD_PRELOAD and all others mean nothing' '' "$(env -i LD_PRELOAD=/nowhere.so LD_DEBUG=all NVBIND_ROOT=/nowhere \
	NVBIND_LOG=debug MALLOC_TRACE="$T/malloc" "$NVB_BUILD/bin/nvbind-hook" "${work[@]}" 2>&1)"

# --- other users' namespaces -------------------------------------------------------------------------------------------
image "$T/root"
chmod 755 "$T"
is 'the root of a user namespace does the same' '' "$(unshare --user --map-root-user --mount \
	nvbind-hook "${work[@]}" --mount 2>&1)"
is 'and the link is there' libcuda.so.550.1 "$(readlink "$T/root$LIBDIR/libcuda.so")"
