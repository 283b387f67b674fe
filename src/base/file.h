/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_FILE_H
#define NVB_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Whole files. Paths are relative to `dirfd` as for openat(2) and belong to the host's own, trusted trees;
 * what lies below a container's or a driver's root goes through base/root.h.
 */

/*
 * Reads a regular file or a /proc or /sys attribute of at most `max` bytes. *data gets a NUL behind its end
 * (not counted in *size) and belongs to the caller. FIFOs, devices, directories are refused without blocking.
 */
int nvb_file_read(int dirfd, const char *path, size_t max, char **data, size_t *size, nvb_error **err);

/* The same from an open file, from its current offset; `name` is for messages. */
int nvb_file_read_fd(int fd, const char *name, size_t max, char **data, size_t *size, nvb_error **err);

/*
 * Replaces `path` by the given bytes so that a reader, and a crash, sees the old file or the new one and
 * nothing between: written beside it under a name nobody can guess, flushed, then renamed. Follows no link at
 * `path` itself.
 */
int nvb_file_write(int dirfd, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err);

/* The same without waiting for the disk, for what nobody reads any more after a crash of the machine. */
int nvb_file_write_unflushed(
	int dirfd, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err);

/*
 * Writes to a path that a user named as output. A file is replaced as by nvb_file_write, where the links lead
 * that name it; what is no file (a pipe, a device, /dev/stdout) is written into and stays what it is.
 */
int nvb_file_output(const char *path, const void *data, size_t size, mode_t mode, nvb_error **err);

/* The same for a regular file that is there: its mode and owner stay. */
int nvb_file_replace(int dirfd, const char *path, const void *data, size_t size, nvb_error **err);

/* The same without waiting for the disk, for what nobody reads any more after a crash of the machine: readers
 * still see the old file or the new one. */
int nvb_file_replace_unflushed(int dirfd, const char *path, const void *data, size_t size, nvb_error **err);

/* mkdir -p: an existing directory is fine, anything else in the way is an error. */
int nvb_file_mkdirs(int dirfd, const char *path, mode_t mode, nvb_error **err);

/*
 * rm -rf, of trees of any depth. Follows no link and enters no mount, not even a bind mount of the same file
 * system: then, as for a mount at `path` itself, NVB_ERR_BUSY, and what was removed before is gone. A path
 * that is not there is fine.
 */
int nvb_file_remove_tree(int dirfd, const char *path, nvb_error **err);

/* write(2) until all is written; 0 or -errno. */
int nvb_write_all(int fd, const void *data, size_t size);

/* For programs, before they open anything: a descriptor 0, 1 or 2 that is closed would be given to the first
 * file they open, and messages or data would be written into it. */
void nvb_file_open_standard(void);

#endif
