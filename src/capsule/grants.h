/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_GRANTS_H
#define NVB_CAPSULE_GRANTS_H

#include "capsule/run.h"

/* Gives back what was granted to capsules that are dead (isolation/isolation.h). Nearly always there is
 * nothing, which a few system calls tell. */
void nvb_capsule_settle_grants(const struct nvb_run_host *host);

/* nvb_isolation_watch() of a capsule by its id. */
int nvb_capsule_watch_grant(const struct nvb_run_host *host, const char *id);

#endif
