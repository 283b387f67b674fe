/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_WALK_H
#define NVB_BASE_WALK_H

#include <sys/types.h>

/*
 * Opens below `root` what openat2(2) with RESOLVE_IN_ROOT would, without it: for kernels before 5.6 (RHEL 8
 * has 4.18) and for system call filters that do not know it. The kernel never follows a link here: every part
 * is opened by itself and not followed, links are read as text and walked like the rest, absolute ones from
 * the root, and ".." goes back to the directory that we came from, never by the kernel's "..". So somebody
 * who renames parts meanwhile gets us below the root or an error. A magic link of /proc is nothing but its
 * text: it leads below the root or nowhere.
 *
 * fd (close-on-exec) or -errno; -ENAMETOOLONG also for more directories than NVB_WALK_DEEPEST, all of which
 * are open at once.
 */
enum { NVB_WALK_DEEPEST = 96 };

int nvb_walk_open(int root, const char *path, int flags, mode_t mode);

#endif
