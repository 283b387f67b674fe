/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_STEPS_H
#define BOLT_STEPS_H

#include <stdint.h>

#include "cli/progress.h"

/* The steps of a snapshot or a restore as somebody at a terminal sees them: what is done with its time, what
 * is under way with a progress bar. Elsewhere nothing is shown. Zero-initialise. */
struct steps {
	const char *current; /* its label, NULL: none yet */
	char name[32];
	uint64_t began;
	struct nvb_progress progress;
};

/* For nvb_checkpoint and its like: another step, or how far this one is. Returns 0 until a signal asked to
 * end (steps_catch). */
int steps_tell(void *steps, const char *step, uint64_t done, uint64_t total);
void steps_end(struct steps *steps);

/* SIGINT, SIGTERM and SIGHUP break it off from now on, instead of ending this process. */
void steps_catch(void);

#endif
