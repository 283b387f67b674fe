#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-hook as a process: what it does when nobody reads its messages, and the system calls it makes. Hostile images are
# in tests/hostile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook
[ -x "$MAKE_LIBRARY" ] || skip "make-library was not built (the simulator is switched off)"
cache=$T/root/etc/ld.so.cache

new_root() {
	rm -rf --one-file-system "$T/root"
	mkdir -p "$T/root/usr/lib" "$T/root/etc" "$T/root/lib"
	"$MAKE_LIBRARY" libcuda.so.1 "$T/root/usr/lib/libcuda.so.550"
}

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
