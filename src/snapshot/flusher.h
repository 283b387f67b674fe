/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_FLUSHER_H
#define NVB_SNAPSHOT_FLUSHER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Sets the disk to work on what was written, so that the flush at the end is short. A thread of its own does
 * it: where the disk is busy starting a write waits, and whoever compresses must not wait for that. It is
 * help and no promise: what does not fit into its queue is left to the flush at the end.
 */
enum { NVB_FLUSHER_QUEUE = 64 };

struct nvb_flusher {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct nvb_flush {
		int fd;
		off_t from, size;
	} queue[NVB_FLUSHER_QUEUE];
	unsigned first, count;
	bool running, ends;
};

int nvb_flusher_start(struct nvb_flusher *flusher, nvb_error **err);
/* The descriptor stays the caller's. */
void nvb_flusher_push(struct nvb_flusher *flusher, int fd, off_t from, off_t size);
/* What is queued is forgotten. Also of one that was never started, but zeroed. */
void nvb_flusher_stop(struct nvb_flusher *flusher);

#endif
