/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_PARAMS_H
#define NVB_CAPSULE_PARAMS_H

#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * The plan's masking of the driver's parameters, for a capsule: OCI runtimes refuse mounts inside /proc, so
 * this one edit takes a hook, `hook`, the path of nvbind-hook. Only where the kernel has a driver whose
 * parameters are to be masked: elsewhere a capsule's /proc shows none, and no hook runs.
 */
int nvb_capsule_mask_params(
	struct nvb_plan *plan, const char *hook, const struct nvb_log *log, nvb_error **err);

#endif
