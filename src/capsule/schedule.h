/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_SCHEDULE_H
#define NVB_CAPSULE_SCHEDULE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * What a plan says of CPUs and scheduling. It is set on the container's first process between create and
 * start: all it starts inherits it. runc 1.1 ignores config.json's `scheduler` without a word, so nothing is
 * left to a runtime, and every value is read back.
 */

/* Whether a control group can keep a container's CPUs here. Call where bolt sees its cgroups. */
bool nvb_schedule_has_cpuset(void);

/* The plan's CPUs as far as this process may use them; malloc'd, NULL: the plan has none, or none is left
 * (logged). */
char *nvb_schedule_cpus(const struct nvb_plan *plan, const struct nvb_log *log);

/* Whether there is something to be done between create and start. `no_cpuset`: no control group keeps the
 * CPUs. */
bool nvb_schedule_wanted(const struct nvb_plan *plan, bool no_cpuset);

/* Does it. What cannot be is left out with a warning: none of it is required. */
void nvb_schedule_apply(const struct nvb_plan *plan, bool no_cpuset, pid_t init, const struct nvb_log *log);

#endif
