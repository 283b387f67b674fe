/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_ROOT_H
#define NVB_BASE_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The one path module: everything below a root that is not the host's own "/" (a container's root file
 * system, a driver root, a simulated machine) is named relative to an open directory and resolved by the
 * kernel with openat2(2) and RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS. Absolute links and ".." stay inside;
 * there is no moment between a check and a use, because what is used is the file that was opened.
 *
 * Paths may start with "/" or not: both mean below the root. Every call is safe against somebody changing the
 * tree meanwhile: it acts inside the root or fails. Where there is no openat2 (a kernel or a system call
 * filter from before 5.6) the way is walked part by part instead, as safely (base/walk.h).
 */
struct nvb_root {
	int fd;	      /* O_PATH directory, close-on-exec */
	char *path;   /* as the user named it, for messages and for host paths handed to others; "/" for the
			 host */
	int *trouble; /* NULL, or where a call leaves the errno when it failed for want of memory or
			 descriptors: what it says of the file is no answer then */
};
#define NVB_ROOT_INIT    \
	{                \
		.fd = -1 \
	}

int nvb_root_open(struct nvb_root *root, const char *path, nvb_error **err);
/* Takes over fd (an O_PATH or readable directory), also on failure. */
int nvb_root_from_fd(struct nvb_root *root, int fd, const char *name, nvb_error **err);
void nvb_root_close(struct nvb_root *root);
#define _cleanup_root_ _cleanup_(nvb_root_close)

/*
 * Opens below the root; O_CLOEXEC is added. Returns the descriptor or -errno (plain, since most callers look
 * for things that may be absent). O_NOFOLLOW refuses a link as the last part, O_NONBLOCK is added
 * so that a FIFO cannot hang us.
 */
int nvb_root_openat(const struct nvb_root *root, const char *path, int flags, mode_t mode);

/*
 * Opens a regular file for reading; -EINVAL for anything else, without having opened it: below a hostile root
 * a device node may stand there, and some devices act on being opened (a watchdog, a tape). What the kernel
 * makes up while it is read (/proc, /sys) counts as anything else: reading /proc/kmsg takes lines away from
 * the host's log and then waits for more. -EAGAIN for a file with somebody's lease on it. Needs /proc:
 * -EOPNOTSUPP without.
 */
int nvb_root_open_file(const struct nvb_root *root, const char *path, struct stat *st);

/* The same without opening it (O_PATH): for who mounts over such a file. */
int nvb_root_find_file(const struct nvb_root *root, const char *path, struct stat *st);

/* Leaves -rc in root->trouble when it is such an error; returns rc. For callers that do part of the work
 * themselves. */
int nvb_root_note(const struct nvb_root *root, int rc);

/* stat(2) below the root: 0 or -errno. `follow` decides about a link as the last part. */
int nvb_root_stat(const struct nvb_root *root, const char *path, bool follow, struct stat *st);

/* readlink(2) below the root: the target as it is written there, NUL-terminated. Length or -errno. */
ssize_t nvb_root_readlink(const struct nvb_root *root, const char *path, char *target, size_t size);

/* The path below the root ("/usr/lib/libx.so.1") that `path` means once all links are followed; malloc'd. */
int nvb_root_realpath(const struct nvb_root *root, const char *path, char **resolved, nvb_error **err);

/* Reads a whole regular file below the root; see nvb_file_read. */
int nvb_root_read(const struct nvb_root *root, const char *path, size_t max, char **data, size_t *size,
	nvb_error **err);

/*
 * Opens the directory that holds the last part of `path`, creating missing directories (mode 0755) when
 * `create` is set; *name points at the last part inside `path`. Refuses ".", ".." and an empty last part. fd
 * or negated code.
 */
int nvb_root_open_parent(
	const struct nvb_root *root, const char *path, bool create, const char **name, nvb_error **err);

/* The path on the host: root.path joined with `path` ("/" gives `path` itself); malloc'd, NULL without
 * memory. */
char *nvb_root_host_path(const struct nvb_root *root, const char *path);

#endif
