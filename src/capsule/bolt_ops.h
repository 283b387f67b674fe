/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_BOLT_OPS_H
#define NVB_CAPSULE_BOLT_OPS_H

#include "capsule/gpu.h"
#include "capsule/run.h"
#include "nvbind/bolt.h"

/*
 * bolt as the manager's engine: how a definition becomes a request and a plan. Every start of a capsule comes
 * this way, the manager deciding what is set up and in which order, as for any other engine (nvbind/bolt.h).
 */

/*
 * Resolves the GPU words of a definition on this host. *request is made in any case; `gpu` stays empty when
 * no GPU is asked for. `capsule` is its name in messages, NULL for one that has none yet. On failure both are
 * the caller's to release.
 */
int nvb_bolt_setup_gpus(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	const char *capsule, struct nvb_request **request, struct nvb_gpu_plan *gpu, nvb_error **err);

#endif
