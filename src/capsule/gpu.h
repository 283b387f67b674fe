/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_GPU_H
#define NVB_CAPSULE_GPU_H

#include "base/error.h"
#include "capsule/run.h"
#include "inventory/inventory.h"
#include "isolation/isolation.h"
#include "plan/plan.h"

/* A capsule's GPUs: the plan, and the driver tree that brings the driver's files. */
struct nvb_gpu_plan {
	struct nvb_inventory *inventory;
	struct nvb_plan *plan;	 /* NULL: no GPU was asked for */
	char *tree;		 /* NULL: the plan has no files of the driver */
	struct nvb_grant *grant; /* of isolation and limits; NULL: a lease is all */
};

/* Reads the inventory and plans with the driver tree as a layer. Does nothing when nothing is asked for. */
int nvb_gpu_plan_make(struct nvb_gpu_plan *gpu, const struct nvb_run_host *host,
	const struct nvb_request *request, nvb_error **err);

/* Plans anew for an image that cannot take the tree as a layer: one mount, and links that lead into it. */
int nvb_gpu_plan_as_mount(struct nvb_gpu_plan *gpu, const struct nvb_run_host *host,
	const struct nvb_request *request, nvb_error **err);

/* The tree when it is to be a layer, else NULL. */
const char *nvb_gpu_plan_layer(const struct nvb_gpu_plan *gpu);

void nvb_gpu_plan_release(struct nvb_gpu_plan *gpu);

#endif
