/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_LEASE_KEEPER_H
#define NVB_LEASE_KEEPER_H

#include "lease/conflict.h"

/*
 * A flock lives as long as somebody has its descriptor open, and who may not write records cannot leave word
 * that it shall have the life of another process. So a small process of ours keeps it that long: it does
 * nothing else, has nothing else open and belongs to no terminal.
 */

/* Starts it. Its number, or a negated code. */
int nvb_lease_keeper_start(const struct nvb_lease_flocks *flocks, pid_t life, nvb_error **err);
/* Ends it, so that nobody holds the flocks but the caller. 0 is none. */
void nvb_lease_keeper_stop(pid_t keeper);

#endif
