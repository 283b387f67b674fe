/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_CAPSULES_H
#define NVB_CAPSULE_CAPSULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/choice.h"
#include "base/error.h"
#include "capsule/state.h"

/* The capsules of this host. What a list shows stands in their records: nobody is asked, so a thousand of
 * them are listed in milliseconds. */

enum nvb_capsule_state {
	NVB_CAPSULE_CREATED, /* never started */
	NVB_CAPSULE_STARTING,
	NVB_CAPSULE_RUNNING,
	NVB_CAPSULE_PAUSED,
	NVB_CAPSULE_RESTARTING, /* it ended and will be started again */
	NVB_CAPSULE_EXITED,
	NVB_CAPSULE_DEAD, /* it ended with its supervisor, and nobody has cleaned up yet */
};
/* docker's names: "created", "running", "exited" ... */
extern const struct nvb_choice nvb_capsule_states[];

struct nvb_capsule_info {
	char id[NVB_CAPSULE_ID + 1];
	char *name, *image, *command, *ports, *health, *error; /* or NULL */
	enum nvb_capsule_state state;
	bool unsupervised; /* it runs, but its supervisor was killed */
	bool stopped;	   /* somebody wanted it to end */
	int status;	   /* of its last run; -1 unknown */
	/* Seconds since the epoch; 0 unknown. `since`: in this state. */
	long long created, since, ended, began;
	uint64_t restarts;
	pid_t init; /* 0: none */
};

/* Newest first; *list is malloc'd. Those that do not run only with `all`. */
int nvb_capsules_list(const struct nvb_state *state, bool all, struct nvb_capsule_info **list, size_t *count,
	nvb_error **err);
void nvb_capsules_free(struct nvb_capsule_info *list, size_t count);

/* One of them. NVB_ERR_NOT_FOUND. */
int nvb_capsule_info_of(
	const struct nvb_state *state, const char *id, struct nvb_capsule_info *info, nvb_error **err);
void nvb_capsule_info_release(struct nvb_capsule_info *info);
#define _cleanup_capsule_info_ _cleanup_(nvb_capsule_info_release)

#endif
