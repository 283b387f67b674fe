/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_KEPT_H
#define NVB_CAPSULE_KEPT_H

#include <sys/types.h>

#include "base/error.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/* Directories that outlive containers: caches of shaders and kernels. Makes those of the plan that are
 * missing, for the user (of the container's numbering as the host sees it) that its program has. What cannot
 * be made is left out of the container with a warning. */
void nvb_kept_make(const struct nvb_plan *plan, uid_t uid, gid_t gid, const struct nvb_log *log);

#endif
