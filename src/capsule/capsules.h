/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_CAPSULES_H
#define NVB_CAPSULE_CAPSULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "capsule/state.h"

/* The capsules of this host: those that run, and those that ended and were kept. */
struct nvb_capsule_info {
	char id[NVB_CAPSULE_ID + 1];
	char *name, *image; /* or NULL */
	bool running;
	int status;	   /* of one that ended; -1 unknown */
	long long created; /* seconds since the epoch; 0 unknown */
};

/* Newest first; *list is malloc'd. */
int nvb_capsules_list(
	const struct nvb_state *state, struct nvb_capsule_info **list, size_t *count, nvb_error **err);
void nvb_capsules_free(struct nvb_capsule_info *list, size_t count);

/* Removes one that was kept, named by its name, its id, or the beginning of an id that no other has.
 * NVB_ERR_BUSY for one that runs. */
int nvb_capsules_remove(const struct nvb_state *state, const char *which, nvb_error **err);

#endif
