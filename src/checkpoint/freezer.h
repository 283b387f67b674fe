/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_FREEZER_H
#define NVB_CHECKPOINT_FREEZER_H

#include <stdbool.h>

#include "base/error.h"

/*
 * The control group that holds a capsule's processes and can freeze them: v1's freezer, or v2. Written
 * directly: asking the OCI runtime costs a start of it, and it looks at the same file for what it calls
 * "paused".
 */

/* Directory of the group "/bolt/<id>"; malloc'd. NVB_ERR_NOT_FOUND: this host freezes nothing. */
int nvb_freezer_find(const char *cgroup, char **directory, nvb_error **err);

/* Returns once all of them stand still, or have been let go. NVB_ERR_BUSY: they did not in ten seconds. */
int nvb_freezer_freeze(const char *directory, nvb_error **err);
int nvb_freezer_thaw(const char *directory, nvb_error **err);

#endif
