/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_EXPORTER_WORKLOAD_H
#define NVB_EXPORTER_WORKLOAD_H

#include <stddef.h>

#include "base/error.h"
#include "nvbind/sampler.h"

/*
 * Who uses which device: the processes of a sample put together by what they belong to. A process of its own
 * would be a time series of its own, and there is no end of processes.
 */
struct nvb_workload {
	size_t gpu;   /* its place in the sample */
	uint32_t mig; /* the MIG device's place there, or NVB_NO_MIG */
	enum nvb_owner owner;
	const char *id, *name, *pod; /* as in nvb_sample_process; all live as long as the sample */
	unsigned processes;
	double memory, utilization; /* bytes, ratio; NAN where the driver tells of no process */
};

struct nvb_workloads {
	struct nvb_workload *items; /* by GPU, MIG device, owner, id */
	size_t count;
};

int nvb_workloads_collect(const nvb_sample *sample, struct nvb_workloads *list, nvb_error **err);
void nvb_workloads_release(struct nvb_workloads *list);
#define _cleanup_workloads_ __attribute__((cleanup(nvb_workloads_release)))

#endif
