#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run: the sandbox holds, and opens only as far as it was asked to. Each guard is tried by going against it,
# and tried again with the guard off, where the same must succeed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc gcc

export ROOT=$T/root
make_busybox_root "$ROOT"
cat >"$T/try.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <signal.h>
#include <sys/wait.h>

static long try(const char *what)
{
	if (!strcmp(what, "keyctl"))
		return syscall(SYS_keyctl, 0, -3, 0);
	if (!strcmp(what, "io_uring"))
		return syscall(SYS_io_uring_setup, 1, (char[120]){0});
	if (!strcmp(what, "userns"))
		return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (!strcmp(what, "clone"))
		return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!strcmp(what, "clone3"))
		return syscall(SYS_clone3, NULL, 0);
	if (!strcmp(what, "vsock"))
		return socket(AF_VSOCK, SOCK_STREAM, 0);
	if (!strcmp(what, "inet"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(what, "personality"))
		return personality(ADDR_NO_RANDOMIZE);
	if (!strcmp(what, "linux32"))
		return personality(PER_LINUX32);
	if (!strcmp(what, "mount"))
		return syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, 0);
	if (!strcmp(what, "bpf"))
		return syscall(SYS_bpf, 0, 0, 0);
	if (!strcmp(what, "perf"))
		return syscall(SYS_perf_event_open, 0, 0, 0, 0, 0);
	if (!strcmp(what, "settime"))
		return syscall(SYS_clock_settime, 0, NULL);
	if (!strcmp(what, "unshare"))
		return unshare(CLONE_NEWUTS);
	exit(99);
}

int main(int argc, char **argv)
{
	long rc = argc > 1 ? try(argv[1]) : -1;

	if (rc == 0 && strstr(argv[1], "clone"))
		_exit(0); /* the child */
	printf("%s\n", rc < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}
END
gcc -static -O1 -o "$ROOT/bin/try" "$T/try.c"
printf '%s' '{"defaultAction":"SCMP_ACT_ALLOW","archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
	{"architecture":"SCMP_ARCH_AARCH64"}],"syscalls":[
	{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95},
	{"names":["unlink","unlinkat"],"action":"SCMP_ACT_ERRNO","includes":{"caps":["CAP_SYS_ADMIN"]}},
	{"names":["chmod","fchmodat"],"action":"SCMP_ACT_ERRNO","excludes":{"caps":["CAP_SYS_ADMIN"]}}]}' >"$T/profile.json"

field() { awk -v f="$1:" '$1 == f {print $2}'; }

capabilities() {
	local text
	text=$(inside -- 'cat /proc/self/status')
	is "$WORLD: docker's default capabilities" 00000000a80425fb "$(field CapEff <<<"$text")"
	is "$WORLD: nothing inheritable" 0000000000000000 "$(field CapInh <<<"$text")"
	is "$WORLD: no new privileges" 1 "$(field NoNewPrivs <<<"$text")"
	is "$WORLD: a seccomp filter" 2 "$(field Seccomp <<<"$text")"
	is "$WORLD: --security-opt no-new-privileges=false" 0 \
		"$(inside --security-opt no-new-privileges=false -- 'cat /proc/self/status' | field NoNewPrivs)"
	is "$WORLD: --cap-drop ALL --cap-add CHOWN" 0000000000000001 \
		"$(inside --cap-drop ALL --cap-add chown -- 'cat /proc/self/status' | field CapEff)"
	is "$WORLD: --cap-add" 00000000a80435fb "$(inside --cap-add CAP_NET_ADMIN -- 'cat /proc/self/status' | field CapEff)"
	is "$WORLD: --cap-drop" 00000000a80425fa "$(inside --cap-drop CHOWN -- 'cat /proc/self/status' | field CapBnd)"
	text=$(inside -u 1000 -- 'cat /proc/self/status')
	is "$WORLD: another user has none" 0000000000000000 "$(field CapEff <<<"$text")"
	is "$WORLD: but the same bound" 00000000a80425fb "$(field CapBnd <<<"$text")"
	is "$WORLD: what a capability allows" 'ok denied' \
		"$(inside -- 'touch /x; chown 5 /x && echo ok') $(inside --cap-drop CHOWN -- 'touch /x; chown 5 /x 2>/dev/null || echo denied')"
}

seccomp() {
	local call
	for call in keyctl io_uring vsock personality userns unshare bpf perf mount settime; do
		is "$WORLD: $call is refused" EPERM "$(inside -- "try $call")"
	done
	for call in clone inet linux32; do
		is "$WORLD: $call is allowed" ok "$(inside -- "try $call")"
	done
	is "$WORLD: clone3 is as if there were none" ENOSYS "$(inside -- 'try clone3')"
	is "$WORLD: seccomp=unconfined lets keyctl through" ok "$(inside --security-opt seccomp=unconfined -- 'try keyctl')"
	is "$WORLD: and personality" ok "$(inside --security-opt seccomp=unconfined -- 'try personality')"
	is "$WORLD: CAP_SYS_ADMIN opens mount and clone3" 'ok EINVAL' "$(inside --cap-add SYS_ADMIN -- 'echo $(try mount) $(try clone3)')"
	is "$WORLD: CAP_SYS_TIME opens clock_settime" EFAULT "$(inside --cap-add SYS_TIME -- 'try settime')"
	like "$WORLD: a profile of the user's" 'not supported' "$(inside --security-opt "seccomp=$T/profile.json" -- 'mkdir /x')"
	is "$WORLD: its conditions: includes" ok "$(inside --security-opt "seccomp=$T/profile.json" -- 'touch /x; rm /x && echo ok')"
	like "$WORLD: its conditions: excludes" 'not permitted' "$(inside --security-opt "seccomp=$T/profile.json" -- 'touch /x; chmod 1 /x')"
}

# What crun compiled once is handed to it the next time: a kept filter that allows everything shows that it is, and
# that one of another program file or profile is not.
filters() {
	local kept all
	rm -rf "$BOLT_RUN"/filters
	inside -- true
	kept=$(echo "$BOLT_RUN"/filters/*)
	if [ "${RUNTIME##*/}" != crun ]; then
		is "$WORLD: this runtime leaves no filter to keep" "$BOLT_RUN/filters/*" "$kept"
		return
	fi
	is "$WORLD: one filter is kept" 1 "$(find "$BOLT_RUN"/filters -type f | wc -l)"
	is "$WORLD: it refuses what it refused" EPERM "$(inside -- 'try keyctl')"
	cp "$kept" "$T/kept"
	# BPF_RET | BPF_K of SECCOMP_RET_ALLOW
	all=$(printf '\6\0\0\0\0\0\377\177' | base64)
	sed "2s|.*|$all|" "$T/kept" >"$kept"
	is "$WORLD: the kept filter is what the container gets" ok "$(inside -- 'try keyctl')"
	is "$WORLD: and another profile's container does not" EPERM "$(inside --cap-add SYS_TIME -- 'try keyctl')"
	sed "2s|.*|$all|; 1s|\$|1|" "$T/kept" >"$kept"
	is "$WORLD: one of another program file is not taken" EPERM "$(inside -- 'try keyctl')"
	is "$WORLD: but replaced" '' "$(cmp "$kept" "$T/kept" 2>&1)"
	head -c 5000 "$T/kept" >"$kept"
	is "$WORLD: nor is half of one" EPERM "$(inside -- 'try keyctl')"
	sed "2s|.*|$all|" "$T/kept" >"$kept"
	is "$WORLD: nor where somebody annotates his own" EPERM \
		"$(inside --annotation run.oci.seccomp_fail_unknown_syscall=0 -- 'try keyctl')"
	rm "$kept"
}

paths() {
	like "$WORLD: /proc/sysrq-trigger is read-only" 'Read-only|nonexistent' "$(inside -- 'echo x >/proc/sysrq-trigger')"
	like "$WORLD: /proc/sys is read-only" 'Read-only' "$(inside -- 'echo x >/proc/sys/kernel/hostname')"
	like "$WORLD: /sys is read-only" 'Read-only' "$(inside -- 'mkdir /sys/fs/x 2>&1; echo 1 >/sys/kernel/profiling')"
	is "$WORLD: /proc/keys is masked" 0 "$(inside -- 'cat /proc/keys | wc -l')"
	is "$WORLD: /sys/firmware is masked" 0 "$(inside -- 'ls /sys/firmware | wc -l')"
	unlike "$WORLD: systempaths=unconfined does not mask" '^0$' \
		"$(inside --security-opt systempaths=unconfined -- 'cat /proc/interrupts | wc -l')"
	is "$WORLD: /proc/interrupts is masked" 0 "$(inside -- 'cat /proc/interrupts | wc -l')"
	is "$WORLD: processes of the host are not seen" 1 "$(inside -- 'ls -d /proc/[0-9]* | head -n 1 | cut -d/ -f3')"
}

devices() {
	if is_rootless; then
		like "$WORLD: nobody makes a node" 'not permitted' "$(inside -- 'mknod /tmp/n c 1 7')"
		refuses "$WORLD: access cannot be limited" 125 "access cannot be limited to 'r'" surge --device /dev/full:r "$ROOT" true
		refuses "$WORLD: a device that the user may not open is not given" 125 '/dev/kmsg: you may not open it' \
			surge --device /dev/kmsg "$ROOT" true
		return 0
	fi
	like "$WORLD: a node that was not given cannot be opened" 'not permitted' \
		"$(inside -- 'mknod /tmp/n c 10 229 && : </tmp/n')"
	is "$WORLD: one that was given can" opened "$(inside --device /dev/fuse -- ': </dev/fuse && echo opened')"
	is "$WORLD: the usual ones work" 'ok 1' "$(inside -- 'echo ok >/dev/null; echo ok $(head -c 1 /dev/zero | wc -c)')"
	like "$WORLD: access is what was given" 'not permitted' "$(inside --device /dev/fuse:/dev/write:w -- ': </dev/write')"
}

privileged() {
	local text
	text=$(inside --privileged -- 'cat /proc/self/status')
	is_rootless || is "$WORLD: --privileged has all that bolt has" "$(field CapBnd </proc/self/status)" "$(field CapEff <<<"$text")"
	is "$WORLD: --privileged has no filter" 0 "$(field Seccomp <<<"$text")"
	is "$WORLD: --privileged may mount" ok "$(inside --privileged -- 'mount -t tmpfs x /tmp && echo ok')"
	is_rootless || is "$WORLD: --privileged has the host's devices" ok "$(inside --privileged -- 'test -c /dev/kmsg && echo ok')"
}

world() {
	capabilities
	seccomp
	filters
	paths
	{ [ ! -c /dev/fuse ] && ! is_rootless; } || devices
	privileged
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world world
each_user_world world
