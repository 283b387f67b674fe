#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The library neither prints nor exits nor changes what is its caller's as a whole: it has no means to.
#
#	imports.sh LIBRARY
set -euo pipefail

library=$1
failed=0

nm -D -u "$library" | awk '{sub(/@.*/, "", $2); print $2}' | sort -u >"${TMPDIR:-/tmp}/imports.$$"
trap 'rm -f "${TMPDIR:-/tmp}/imports.$$"' EXIT
imports=${TMPDIR:-/tmp}/imports.$$

# forbidden WHY NAME...
forbidden() {
	local why=$1 name
	shift
	for name in "$@"; do
		if grep -qxE "(__)?$name(_chk|64)?" "$imports"; then
			echo "$name: a library must not $why"
			failed=1
		fi
	done
}
[ -s "$imports" ] || { echo 'no imports found'; failed=1; }
forbidden 'print' printf vprintf puts putchar fputs fputc fprintf vfprintf dprintf vdprintf fwrite perror psignal \
	stdout stderr syslog err errx warn warnx
# _exit is a forked child's.
forbidden 'end the program' exit abort quick_exit pthread_exit __assert_fail raise
forbidden 'change the environment' setenv unsetenv putenv clearenv
forbidden 'change the working directory or the mask of files' chdir fchdir chroot umask
forbidden 'change the locale' setlocale uselocale bindtextdomain textdomain
forbidden 'change users' setuid seteuid setgid setegid setresuid setresgid setgroups
forbidden 'change namespaces and mounts' unshare setns mount umount umount2 pivot_root
# signal(2) is called by the child that loads NVML, for itself.
forbidden 'install handlers or timers' sigaction sigprocmask pthread_sigmask alarm setitimer timer_create atexit __cxa_atexit
forbidden 'use what is not thread-safe' strtok localtime gmtime asctime ctime getenv rand srand readdir_r ttyname \
	getpwnam getpwuid getgrnam getgrgid gethostbyname setrlimit
forbidden 'run a shell' system popen execlp execvp posix_spawnp
exit $failed
