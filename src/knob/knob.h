/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_KNOB_KNOB_H
#define NVB_KNOB_KNOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "inventory/inventory.h"
#include "knob/record.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * Turning knobs for as long as somebody uses a GPU, and turning them back.
 *
 * What a knob was before is written to the disk before it is turned; a use has the life of a process, as a
 * lease has. So whoever comes next after a crash (of bolt, of a supervisor, of the machine) finds what is
 * owed and to whom it is no longer of use. Several may use one knob: the strongest wish wins
 * (nvb_knob_resolve), and when its user leaves, the next one's. The last to leave puts the old value back,
 * unless somebody else has turned the knob meanwhile: then that stays, and is said.
 *
 * All of it takes root (NVML's rule for writing), and a process of the first user namespace.
 */
struct nvb_knob_user {
	const char *engine, *container; /* words without blanks */
	pid_t pid;			/* whose life the use has; 0: this process */
	const char *runtime_state;	/* as of struct nvb_lease_holder; NULL: none */
};

/* What one user has taken. */
struct nvb_knobs;

/*
 * Takes every knob of the plan. The caller holds the lease on its GPUs; `exclusive`: alone. A knob that
 * cannot be turned (a card that refuses, no permission) is left out with a warning: no container fails for
 * it. *knobs is NULL when none was taken. `inventory` must live until nvb_knobs_release.
 */
int nvb_knobs_take(const struct nvb_inventory *inventory, const struct nvb_plan *plan, bool exclusive,
	const struct nvb_knob_user *user, const struct nvb_log *log, struct nvb_knobs **knobs,
	nvb_error **err);

/* From here on the use has the life of that process, a container's first. */
int nvb_knobs_adopt(struct nvb_knobs *knobs, pid_t pid, nvb_error **err);

/* The user leaves: puts back what nobody else uses, and frees the handle. Also of NULL. */
void nvb_knobs_release(struct nvb_knobs *knobs, const struct nvb_log *log);
/* Frees the handle alone: the use goes on with its process. */
void nvb_knobs_free(struct nvb_knobs *knobs);

/*
 * A container that another process has started for is gone, or its supervisor was replaced: its use of every
 * knob ends, whatever process it had.
 */
int nvb_knobs_leave(const struct nvb_inventory *inventory, const char *engine, const char *container,
	const struct nvb_log *log, nvb_error **err);

/*
 * Puts back what is owed: uses of processes that are gone, and what another boot left. `force`: also of those
 * that still run. *restored counts the knobs that were put back (may be NULL). NVB_ERR_SYSTEM when one could
 * not be: its record stays.
 */
int nvb_knobs_restore(const struct nvb_inventory *inventory, bool force, const struct nvb_log *log,
	size_t *restored, nvb_error **err);

/* Whether there is something for nvb_knobs_restore to do: without an inventory, in a few system calls. */
bool nvb_knobs_are_owed(const struct nvb_root *root);

/* The root whose knobs these are. */
static inline const struct nvb_root *nvb_knobs_root(const struct nvb_inventory *inventory)
{
	return &inventory->roots.dev;
}

/* Every knob that is turned now, malloc'd: users that are gone are in it as well. Changes nothing. */
int nvb_knobs_list(
	const struct nvb_root *root, struct nvb_knob_record **list, size_t *count, nvb_error **err);
void nvb_knobs_list_free(struct nvb_knob_record *list, size_t count);

#endif
