/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MONITOR_REPLAY_H
#define NVB_MONITOR_REPLAY_H

#include <stdio.h>

#include "monitor/record.h"

/* A log, line by line, forwards and backwards. */
struct nvb_replay {
	FILE *f;
	char *name;
	long *lines;		    /* where each begins */
	size_t count, capacity, at; /* `at`: the next to be read */
	char *line;
	size_t line_capacity;
};

/* Finds the lines. Errors: those of opening, NVB_ERR_CORRUPT for a file without any. */
int nvb_replay_open(struct nvb_replay *replay, const char *name, nvb_error **err);
/* The next sample; *sample is NULL at the end. A last line that is cut off (a log is still being written, or
 * its writer was killed) is the end as well. */
int nvb_replay_next(struct nvb_replay *replay, nvb_sample **sample, nvb_error **err);
void nvb_replay_seek(struct nvb_replay *replay, size_t at);
void nvb_replay_release(struct nvb_replay *replay);
#define _cleanup_replay_ _cleanup_(nvb_replay_release)

#endif
