/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_PREFLIGHT_H
#define NVB_CAPSULE_PREFLIGHT_H

#include <stdbool.h>

#include "base/error.h"
#include "capsule/definition.h"
#include "capsule/run.h"
#include "capsule/state.h"
#include "request/request.h"

/* What MPS keeps is of clients of MPS, which the driver cannot save. */
bool nvb_snapshot_is_barred_by_mps(const struct nvb_request *granted);

/*
 * Whether a snapshot of such a capsule could hold the state of its GPUs: a driver whose libcuda has the
 * checkpoint calls, GPUs that are neither divided by MIG nor shared by MPS, a CRIU that works on this kernel.
 * NVB_ERR_UNSUPPORTED with the first reason against it.
 */
int nvb_snapshot_preflight(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_capsule_definition *definition, nvb_error **err);

#endif
