/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_PIPES_H
#define NVB_SUPERVISOR_PIPES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/state.h"

/*
 * The streams of a detached container as descriptors. Its output pipes are open for reading, too, in the
 * container itself: so a killed supervisor is no broken pipe, nor is one that is killed with its holder
 * (holder.h): the next finds them by their inode numbers among the container's descriptors. Pipes and not
 * FIFOs, which no checkpoint could carry.
 */
struct nvb_pipes {
	int given[3];		  /* the container's ends */
	int input, output, error; /* ours; -1: none */
};
#define NVB_PIPES_INIT                                                         \
	{                                                                      \
		.given = {-1, -1, -1}, .input = -1, .output = -1, .error = -1, \
	}

/* With `interactive` the program's input is a pipe of which we have the writing end, else /dev/null. */
int nvb_pipes_open(struct nvb_pipes *pipes, bool interactive, nvb_error **err);
/* Writes the numbers down. */
int nvb_pipes_record(const struct nvb_pipes *pipes, const struct nvb_entry *entry, nvb_error **err);
/* Our ends of the pipes of a container that runs; -1 where there is none any more. */
void nvb_pipes_find(struct nvb_pipes *pipes, const struct nvb_entry *entry, pid_t init);
/* A pipe for what a terminal shows, in both of whose ends nobody waits. */
int nvb_relay_open(int relay[2], nvb_error **err);
void nvb_pipes_close_given(struct nvb_pipes *pipes);
void nvb_pipes_close(struct nvb_pipes *pipes);

#endif
