#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Root file systems made to lead nvbind-hook out of themselves, to hang it or to break it: nothing outside is touched,
# it ends, and the container starts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook cc
[ -x "$MAKE_LIBRARY" ] || skip "make-library was not built (the simulator is switched off)"

cc -O1 -o "$T/swap" "$PROGRAMS/swap.c"
mkdir -p "$T/outside/lib"
for victim in ld.so.cache ld-musl-x86_64.path libcuda.so.1 lib/libcuda.so.1 passwd; do
	echo "precious $victim" >"$T/outside/$victim"
done
"$MAKE_LIBRARY" libsecret.so.1 "$T/outside/lib/libsecret.so.1"

# Names, inodes, sizes, owners, modes and both times of everything outside.
outside() { find "$T/outside" -printf '%p %i %s %U %m %T@ %C@ %l\n' | sort; }
before=$(outside)
untouched() { is "$1: nothing outside is touched" "$before" "$(outside)"; }

new_root() {
	rm -rf --one-file-system "$T/root"
	mkdir -p "$T/root/usr/lib" "$T/root/etc" "$T/root/lib"
	"$MAKE_LIBRARY" libcuda.so.1 "$T/root/usr/lib/libcuda.so.550"
}

hook() {
	timeout 20 nvbind-hook apply --root "$T/root" --library-directory /usr/lib --library-directory /lib \
		--link libcuda.so.550::/usr/lib/libcuda.so.1 --link x::/etc/alternatives/x --link ../passwd::/etc/passwd "$@"
}

# --- links at every path that is written -----------------------------------------------------------------------------

for target in "$T/outside" ../outside ../../outside ../../../../../../../../../../"$T/outside" /proc/self/root/"$T/outside" \
	/proc/1/root/"$T/outside" /proc/self/cwd; do
	for path in etc usr/lib lib usr; do
		new_root
		: >"$T/root/lib/ld-musl-x86_64.so.1"
		rm -rf "${T:?}/root/$path"
		ln -s "$target" "$T/root/$path"
		mkdir -p "$T/root/proc"
		mount --bind /proc "$T/root/proc"
		(cd "$T/outside" && check "$path -> $target" hook)
		umount "$T/root/proc"
	done
	untouched "links to $target"
done

new_root
for file in ld.so.cache ld-musl-x86_64.path; do
	ln -s "$T/outside/$file" "$T/root/etc/$file"
done
: >"$T/root/lib/ld-musl-x86_64.so.1"
ln -s "$T/outside/libcuda.so.1" "$T/root/usr/lib/libcuda.so.1"
check 'links at the files themselves' hook
untouched 'links at the files themselves'
is 'a wrong link is replaced, not followed' libcuda.so.550 "$(readlink "$T/root/usr/lib/libcuda.so.1")"

new_root
ln -s "$T/outside/lib/libsecret.so.1" "$T/root/usr/lib/libsecret.so.550"
check 'a library that is a link outside' hook
unlike 'it is not listed' secret "$(strings "$T/root/etc/ld.so.cache")"

# Hard-linked temporary names cannot be guessed; a directory full of them does no harm.
new_root
for i in $(seq 100); do
	ln -s "$T/outside/passwd" "$T/root/etc/.nvb-$(printf %016x "$i")"
done
check 'planted temporary names' hook
untouched 'planted temporary names'

# --- volumes ---------------------------------------------------------------------------------------------------------

# What a user mounted into the container is not ours to change, and may be the host's own /etc.
volumes() {
	mount --bind "$T/outside" "$T/root/etc"
	mount --bind "$T/outside/lib" "$T/root/lib"
	mount -t tmpfs tmpfs "$T/root/run"
	nvbind-hook apply --root "$T/root" "$@" --library-directory /usr/lib --link x::/etc/new/deep/x --link x::/etc/x \
		--link x::/lib/x --link x::/lib/libcuda.so.1 --link x::/run/deep/x
	readlink "$T/root/run/deep/x"
	strings "$T/root/etc/ld.so.cache"
}
# A tmpfs counts as the container's own, so the volumes must lie on something else.
volume_arguments=('' --mount)
[ "$(stat -f -c %T "$T")" != tmpfs ] || volume_arguments=()
for arguments in "${volume_arguments[@]}"; do
	new_root
	mkdir "$T/root/run"
	# shellcheck disable=SC2086 # none or one
	said=$(in_mount_namespace volumes $arguments 2>&1) || fail 'volumes: the hook exits 0'
	untouched "volumes ${arguments:-as they are}"
	like "volumes ${arguments:-as they are}: links are made beside them" '^x$' "$said"
	[ -z "$arguments" ] && word=unlike || word=like
	"$word" "volumes ${arguments:-as they are}: the merged cache is seen through a mount alone" \
		'^/usr/lib/libcuda.so.550' "$said"
done

# --- what is no cache ------------------------------------------------------------------------------------------------

odd_cache() { # WHAT COMMAND...: the command makes etc/ld.so.cache, which must stay what it is
	local what=$1 type
	shift
	new_root
	"$@"
	type=$(stat -c %F "$T/root/etc/ld.so.cache")
	check "$what as the cache" hook
	is "$what stays" "$type" "$(stat -c %F "$T/root/etc/ld.so.cache")"
	untouched "$what"
}
cache=$T/root/etc/ld.so.cache
odd_cache 'a FIFO' mkfifo "$cache"
odd_cache 'a directory' mkdir "$cache"
odd_cache 'an endless device' mknod "$cache" c 1 5
odd_cache 'a block device' mknod "$cache" b 7 250
odd_cache 'a huge file' truncate -s 1T "$cache"
is 'the huge file is as large as it was' 1099511627776 "$(stat -c %s "$cache")"

# A real cache cut off anywhere is damaged as a whole or has fewer entries; what comes out is sound.
ldconfig -C "$T/real.cache" -X 2>/dev/null || cp /etc/ld.so.cache "$T/real.cache"
size=$(stat -c %s "$T/real.cache")
for i in $(seq 0 24); do
	new_root
	head -c $((size * i / 25 + i)) "$T/real.cache" >"$cache"
	hook 2>/dev/null || fail "a cache cut off at $i/25"
	ldconfig -r "$T/root" -p >"$T/printed" || fail "what was made of a cache cut off at $i/25 is damaged"
	grep -q 'libcuda.so.1 .*=> /usr/lib/libcuda.so.1' "$T/printed" || fail "a cache cut off at $i/25 lacks the library"
done
pass 'caches cut off at 25 places'

# --- libraries -------------------------------------------------------------------------------------------------------

new_root
"$MAKE_LIBRARY" ../../../outside/evil.so "$T/root/usr/lib/libevil.so.1"
"$MAKE_LIBRARY" /etc/evil.so "$T/root/usr/lib/libevil2.so.1"
mkfifo "$T/root/usr/lib/libfifo.so.1"
mknod "$T/root/usr/lib/libzero.so.1" c 1 5
ln -s loop "$T/root/usr/lib/loop"
truncate -s 1T "$T/root/usr/lib/libhuge.so.1"
check 'hostile libraries' hook
is 'only the real one is listed' 1 "$(ldconfig -r "$T/root" -p | grep -c '=>')"
unlike 'no path came out of a SONAME' evil "$(strings "$cache")"
untouched 'hostile libraries'

new_root
: >"$T/root/lib/ld-musl-x86_64.so.1"
mkfifo "$T/root/etc/ld-musl-x86_64.path"
check 'a FIFO as path file of musl' hook
untouched 'musl'

# --- races -----------------------------------------------------------------------------------------------------------

runs=200
! hook_is_sanitized || runs=20 # each takes as long as ten

race() { # WHAT A B: the hook runs while two names below the root are exchanged without end
	local what=$1 pid i
	: >"$T/swapping"
	timeout 120 "$T/swap" "$2" "$3" >"$T/swapping" &
	pid=$!
	until [ -s "$T/swapping" ]; do sleep 0.01; done
	for i in $(seq "$runs"); do
		hook --log-level error || fail "$what, run $i"
	done
	kill "$pid"
	wait "$pid" || true # the names must stand still before anybody removes them
	pass "$what: $runs runs"
	untouched "$what"
}
new_root
ln -s "$T/outside" "$T/root/etc2"
race 'etc against a link outside' "$T/root/etc" "$T/root/etc2"
new_root
ln -s "$T/outside/lib" "$T/root/usr/lib2"
race 'the library directory against a link outside' "$T/root/usr/lib" "$T/root/usr/lib2"
new_root
ln -s ../outside "$T/root/usr2"
race 'a directory above against a link outside' "$T/root/usr" "$T/root/usr2"
new_root
mkdir "$T/root/a" "$T/root/a/b"
ln -s ../../../outside "$T/root/a/c"
rm -rf "$T/root/etc"
ln -s a/b "$T/root/etc"
race 'the target of a link against a link outside' "$T/root/a/b" "$T/root/a/c"

# --- limits ----------------------------------------------------------------------------------------------------------

limited() ( # COMMAND...: no file may get a byte
	ulimit -f 0
	exec "$@"
)
new_root
check 'a limit on the size of files' limited nvbind-hook apply --root "$T/root" --library-directory /usr/lib \
	--log-level error
is 'leaves nothing behind' '' "$(ls -A "$T/root/etc")"
new_root
mkdir "$cache"
(nvbind-hook apply --root "$T/root" --library-directory /usr/lib; echo $? >"$T/status") 2>&1 | true
is 'messages that nobody reads' 0 "$(cat "$T/status")"

# --- the process -----------------------------------------------------------------------------------------------------

if command -v strace >/dev/null && ! hook_is_sanitized; then
	# Opening some devices does something (a watchdog, a tape): an image's are looked at, never opened.
	new_root
	mknod "$cache" c 1 5
	mknod "$T/root/etc/ld-musl-x86_64.path" c 1 5
	: >"$T/root/lib/ld-musl-x86_64.so.1"
	: >"$T/root/lib/ld-linux-x86-64.so.2"
	ln -s lib "$T/root/lib64"
	strace -f -e trace=open,openat,openat2 -o "$T/trace" nvbind-hook apply --root "$T/root" \
		--library-directory /usr/lib 2>/dev/null
	for file in ld.so.cache ld-musl-x86_64.path; do
		like "a device as $file is looked at" "$file\", \\{flags=O_RDONLY\\|O_CLOEXEC\\|O_PATH.* = [0-9]" "$(cat "$T/trace")"
		unlike 'and not opened' "$file\", \\{flags=O_RDONLY\\|O_NOCTTY" "$(cat "$T/trace")"
	done

	# Without standard descriptors the first file opened would become standard error.
	new_root
	(exec 2>&-; exec strace -f -e trace=openat -o "$T/trace" nvbind-hook apply --root "$T/root" <&- >&-)
	is 'closed standard descriptors are opened' '0 1 2' \
		"$(awk '/"\/dev\/null"/ {printf "%s%s", n++ ? " " : "", $NF}' "$T/trace")"

	new_root
	: >"$T/root/lib/ld-musl-x86_64.so.1"
	strace -f -o "$T/trace" nvbind-hook apply --root "$T/root" --library-directory /usr/lib \
		--link libcuda.so.550::/usr/lib/a/b/libcuda.so.1
	is 'it executes nothing' 1 "$(grep -cE ' (execve|execveat)\(' "$T/trace")"
	unlike 'it makes no process, no socket, traces nobody' ' (fork|vfork|clone3?|socket|connect|ptrace)\(' "$(cat "$T/trace")"
	like 'it gives up what it does not need' 'prctl\(PR_SET_SECCOMP, SECCOMP_MODE_FILTER.*= 0' "$(cat "$T/trace")"
	unlike 'and needs nothing that it gave up' '= -1 EPERM' "$(cat "$T/trace")"
	like 'before it reads what the image brought' seccomp-then-cache \
		"$(awk '/PR_SET_SECCOMP/ {s = 1} /ld.so.cache/ && s {print "seccomp-then-cache"; exit} /ld.so.cache/ {exit}' "$T/trace")"
fi
