/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MONITOR_HISTORY_H
#define NVB_MONITOR_HISTORY_H

#include <stdbool.h>

#include "nvbind/sampler.h"

/* What was, for graphs: the last values of a few metrics of each GPU, by its place in the samples. */

enum { NVB_HISTORY_LENGTH = 512 };
enum nvb_history_kind {
	NVB_HISTORY_UTILIZATION,
	NVB_HISTORY_MEMORY,	 /* share of what there is */
	NVB_HISTORY_POWER,	 /* share of the limit */
	NVB_HISTORY_TEMPERATURE, /* share of 100 C */
	NVB_HISTORY_COUNT
};

struct nvb_history {
	float (*rings)[NVB_HISTORY_COUNT][NVB_HISTORY_LENGTH]; /* NaN: not available */
	size_t gpu_count;
	uint64_t taken; /* samples so far; the newest is at (taken - 1) % length */
};

/* False without memory; the sample is left out then. */
bool nvb_history_add(struct nvb_history *history, const nvb_sample *sample);
/* The value `ago` samples before the newest; NaN beyond what was kept. */
float nvb_history_at(const struct nvb_history *history, size_t gpu, enum nvb_history_kind kind, size_t ago);
void nvb_history_release(struct nvb_history *history);

/* The same share of one sample; NaN: not available. */
float nvb_history_share(const nvb_sample *sample, size_t gpu, enum nvb_history_kind kind);

#endif
