/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_SAMPLE_H
#define NVB_SAMPLER_SAMPLE_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"
#include "nvbind/sampler.h"

/*
 * A sample while it is made: by the sampler, and by who reads one from a file. All of it lies in the arena.
 * Lists are in the order that the public header promises when the sample is handed out.
 */
enum { NVB_MIG_FIRST = NVB_METRIC_MEMORY_TOTAL, NVB_MIG_LAST = NVB_METRIC_MEMORY_RESERVED };

struct nvb_sample_mig_part {
	struct nvb_sample_mig mig;
	struct nvb_value values[NVB_MIG_LAST - NVB_MIG_FIRST + 1];
};

struct nvb_sample_gpu_part {
	struct nvb_sample_gpu gpu;
	struct nvb_value values[NVB_METRIC_COUNT];
	struct nvb_sample_mig_part *migs;
	struct nvb_sample_process *processes;
	uint64_t process_age;
};

struct nvb_sample {
	atomic_uint references;
	struct nvb_arena arena;
	uint64_t time, sequence, interval;
	const char *notice, *driver;
	struct nvb_sample_gpu_part *gpus;
	size_t gpu_count;
	struct nvb_sample_cost cost;
};

/* All of it unknown, one reference. NULL without memory. */
nvb_sample *nvb_sample_new(size_t gpu_count);

static inline void nvb_sample_unrefp(nvb_sample **sample)
{
	nvb_sample_unref(*sample);
}
#define _cleanup_sample_ _cleanup_(nvb_sample_unrefp)

#endif
