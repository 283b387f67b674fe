/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_HISTORY_H
#define NVB_WEB_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "nvbind/sampler.h"

/*
 * The last minutes of every GPU, so that a page that is opened has its graphs filled. One point a second at
 * most, whatever the interval: the last sample of it.
 */
#define NVB_HISTORY_POINTS 300

/* What is kept; thousandths of the whole, or tenths of the unit. */
enum nvb_history_series {
	NVB_HISTORY_UTILIZATION,
	NVB_HISTORY_MEMORY,	 /* used, of the total */
	NVB_HISTORY_POWER,	 /* 0.1 W */
	NVB_HISTORY_TEMPERATURE, /* 0.1 degrees Celsius */
	NVB_HISTORY_SERIES,
};
#define NVB_HISTORY_UNKNOWN UINT16_MAX

struct nvb_history_gpu {
	uint16_t points[NVB_HISTORY_SERIES]
		       [NVB_HISTORY_POINTS]; /* a ring: the newest at nvb_history.newest */
};

struct nvb_history {
	struct nvb_history_gpu *
		*gpus; /* by place in the sample; places do not change while a sampler is open */
	size_t gpu_count, gpu_capacity;
	uint64_t times[NVB_HISTORY_POINTS]; /* milliseconds since 1970 */
	size_t newest, count;
};

int nvb_history_add(struct nvb_history *history, const nvb_sample *sample, nvb_error **err);
/* The i-th point, 0 the oldest. */
uint64_t nvb_history_time(const struct nvb_history *history, size_t i);
uint16_t nvb_history_point(
	const struct nvb_history *history, size_t gpu, enum nvb_history_series series, size_t i);
void nvb_history_release(struct nvb_history *history);

#endif
