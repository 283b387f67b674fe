/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_PIPES_H
#define NVB_SNAPSHOT_PIPES_H

#include "snapshot/writer.h"

/*
 * Memory comes from CRIU through pipes. Its first pages-N.img are there before it starts, as links to FIFOs
 * that this process has open: CRIU splices the processes' own pages into them, and one copy, into a worker's
 * buffer, is all that is made of them. What a file would take of the page cache, and of the disk, is not
 * needed. Should this process be killed the links lead nowhere and the FIFOs have no reader, so CRIU fails
 * and lets the processes go on.
 */
enum { NVB_PIPES = 32 }; /* further images become files */

struct nvb_pipe {
	struct nvb_taken *file; /* NULL: not made, or handed on */
	bool opened, ended;	/* somebody has written, or might have; and nobody does any more */
	uint8_t *buffer;	/* what will be the next region */
	size_t filled;
};

struct nvb_pipes {
	struct nvb_pipe pipe[NVB_PIPES];
};

/* Makes as many as can be made. A directory that can have none is no failure. */
int nvb_pipes_make(struct nvb_pipes *pipes, int dirfd, nvb_error **err);
/* Waits for something to read, some milliseconds at most, and queues what there is. */
int nvb_pipes_follow(struct nvb_pipes *pipes, nvb_snapshot_writer *writer, nvb_error **err);
/* Who wrote has ended: queues what is left. */
int nvb_pipes_rest(struct nvb_pipes *pipes, nvb_snapshot_writer *writer, nvb_error **err);
/* The same without taking anything, so that a writer of what nobody wants any more gets to its end. */
void nvb_pipes_discard(struct nvb_pipes *pipes);
/* What was written becomes a file without content, in *files; links that were not needed go. */
int nvb_pipes_settle(struct nvb_pipes *pipes, int dirfd, struct nvb_taken **files, nvb_error **err);
void nvb_pipes_release(struct nvb_pipes *pipes, nvb_snapshot_writer *writer);

#endif
