/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_COMPAT_H
#define SIM_COMPAT_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The simulated libraries are built here and loaded in containers with an older C library, so they may not
 * need what newer ones added or gave a new version: stat and fstat (2.33), dladdr (2.34). On 64-bit Linux the
 * kernel's structure is glibc's. 0 or -errno.
 */
static inline int sim_stat(const char *path, struct stat *st)
{
#if defined(SYS_newfstatat) && __SIZEOF_LONG__ == 8
	return syscall(SYS_newfstatat, AT_FDCWD, path, st, 0) < 0 ? -errno : 0;
#else
	return stat(path, st) < 0 ? -errno : 0;
#endif
}

static inline int sim_fstat(int fd, struct stat *st)
{
#if defined(SYS_fstat) && __SIZEOF_LONG__ == 8
	return syscall(SYS_fstat, fd, st) < 0 ? -errno : 0;
#else
	return fstat(fd, st) < 0 ? -errno : 0;
#endif
}

#endif
