/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_FLUSHER_H
#define NVB_SNAPSHOT_FLUSHER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Writes what is stored, behind those who compress: a thread that waits for the disk must not be one of
 * theirs. Blocks of a file that has O_DIRECT go past the page cache where the file system can: nobody
 * reads those soon, so they need no pages that the processes being saved want, no copy, and no flush at the
 * end.
 */
enum {
	NVB_FLUSH_BLOCK = 1 << 20,
	NVB_FLUSH_ALIGN = 4096,
	NVB_FLUSH_QUEUE = 32, /* blocks on their way; then those who compress wait */
	NVB_FLUSH_THREADS = 4,
};

struct nvb_flusher {
	pthread_t threads[NVB_FLUSH_THREADS];
	unsigned thread_count;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct nvb_flush {
		int fd;
		off_t at;
		size_t size;
		uint8_t *block;
		unsigned *pending;
	} queue[NVB_FLUSH_QUEUE];
	unsigned first, count;
	uint8_t *spare[NVB_FLUSH_QUEUE];
	unsigned spare_count;
	size_t room;
	int error; /* the first errno */
	bool made, ends;
};

/* `room`: bytes of each block's memory. */
int nvb_flusher_start(struct nvb_flusher *flusher, unsigned threads, size_t room, nvb_error **err);
/* Memory for a block; NULL without. Given back by writing it, or freed. */
uint8_t *nvb_flusher_block(struct nvb_flusher *flusher);
/* Takes over the block, and later writes `size` bytes of it at an offset; both are aligned. *pending counts
 * those of the caller that are on their way. Waits while too many are. 0, or -errno of what failed before. */
int nvb_flusher_write(
	struct nvb_flusher *flusher, int fd, off_t at, uint8_t *block, size_t size, unsigned *pending);
/* Until none of the caller's is on its way; 0 or -errno. */
int nvb_flusher_wait(struct nvb_flusher *flusher, const unsigned *pending);
/* What is queued is forgotten. Also of one that was never started, but zeroed. */
void nvb_flusher_stop(struct nvb_flusher *flusher);

#endif
