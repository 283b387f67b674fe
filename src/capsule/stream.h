/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STREAM_H
#define NVB_CAPSULE_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * One direction of copying between two descriptors, driven by poll(2). Neither end is ever waited for: the
 * caller's own descriptors are shared with others and stay as blocking as they were, so they are written only
 * when poll says so, and no more than is sure to fit.
 */
struct nvb_stream {
	int from, to;		   /* -1: none (yet, or any more) */
	bool close_from, close_to; /* ours to close */
	bool held;		   /* not to be copied yet */
	int failed;		   /* errno of a write that failed, but for a reader that has left */
	size_t begin, end;	   /* what has been read and not written */
	char buffer[16384];
};
#define NVB_STREAM_INIT              \
	{                            \
		.from = -1, .to = -1 \
	}

/* Fills in what to wait for (at most two) and returns how many. */
nfds_t nvb_stream_poll(struct nvb_stream *stream, struct pollfd *fds);
/* Copies what can be copied now. At the end of input the output is closed, and the other way round. */
void nvb_stream_pump(struct nvb_stream *stream);
/* Copies all there is in `from`, waiting for `to` where it must; false when, while it waited, `interrupt`
 * became readable. */
bool nvb_stream_drain(struct nvb_stream *stream, int interrupt);
void nvb_stream_close(struct nvb_stream *stream);

#endif
