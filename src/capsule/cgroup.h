/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_CGROUP_H
#define NVB_CAPSULE_CGROUP_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Removes a capsule's control groups ("/bolt/<id>"), below every hierarchy that this process sees, with the
 * groups the container made inside them. `kill` ends what still runs there first and waits for it, two
 * seconds at most. A group that is not there is fine; NVB_ERR_BUSY names one that could not be removed.
 */
int nvb_cgroup_remove(const char *path, bool kill, nvb_error **err);

#endif
