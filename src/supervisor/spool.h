/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_SPOOL_H
#define NVB_SUPERVISOR_SPOOL_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

/*
 * A capsule's output on its way from its pipe to its log, where a killed supervisor neither loses nor doubles
 * it.
 *
 * read(2) followed by write(2) has a moment in which the bytes are in neither. splice(2) from a pipe to a
 * file has none: the kernel takes from the pipe exactly what it has put into the file, whenever the process
 * is killed, and the file's size tells how much that is. So output goes from the pipe into this file, which
 * lives as long as the container runs, and from there into the log. Before a piece is taken, the place in the
 * log where its records will stand, and their time, are written down; so whoever comes after a killed
 * supervisor writes the same bytes to the same place again, whether they were there or not, and a reader sees
 * no difference.
 *
 * The file's first page is the notes, mapped; behind it is output. It is emptied when it has grown and all of
 * it is in the log.
 */
struct nvb_spool;

/* Where the records of a piece go: the log's file, the size it had, the stream and the time. */
struct nvb_spool_place {
	uint32_t number, stream;
	uint64_t size;
	struct timespec time;
};

/* Opens `path`, made when missing (mode 0600). What is no spool is begun anew. */
int nvb_spool_open(const char *path, struct nvb_spool **out, nvb_error **err);
/* NULL is fine. */
void nvb_spool_close(struct nvb_spool *spool);

/*
 * Takes at most `size` bytes out of a pipe that does not wait; they are in `buffer` then, too, and pending.
 * What was pending before counts as done. Returns how many, 0 at the end of the pipe, or a negated errno:
 * EAGAIN; EINVAL where `fd` is no pipe or the file system knows no splice.
 */
ssize_t nvb_spool_take(
	struct nvb_spool *spool, const struct nvb_spool_place *place, int fd, void *buffer, size_t size);

/* What was taken is in the log. */
void nvb_spool_done(struct nvb_spool *spool);

/* What a killed process had taken and not been done with, at most `size` bytes of it: how many, and their
 * place. */
size_t nvb_spool_pending(
	const struct nvb_spool *spool, struct nvb_spool_place *place, void *buffer, size_t size);

#endif
