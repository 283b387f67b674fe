/* SPDX-License-Identifier: Apache-2.0 */
#include "web/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RESOLUTION_MS 1000

static uint16_t scaled(struct nvb_value v, double factor)
{
	double value = v.value * factor + 0.5;

	if (v.state != NVB_VALUE_KNOWN || !(value >= 0))
		return NVB_HISTORY_UNKNOWN;
	return value < NVB_HISTORY_UNKNOWN ? (uint16_t)value : NVB_HISTORY_UNKNOWN - 1;
}

static uint16_t memory_share(const nvb_sample *sample, size_t gpu)
{
	struct nvb_value used = nvb_sample_value(sample, gpu, NVB_METRIC_MEMORY_USED);
	struct nvb_value total = nvb_sample_value(sample, gpu, NVB_METRIC_MEMORY_TOTAL);

	if (total.state != NVB_VALUE_KNOWN || !(total.value > 0))
		return NVB_HISTORY_UNKNOWN;
	return scaled(used, 1000 / total.value);
}

/* A GPU that came later has a past of unknowns. */
static int make_room(struct nvb_history *history, size_t gpus, nvb_error **err)
{
	while (history->gpu_count < gpus) {
		struct nvb_history_gpu *gpu = malloc(sizeof(*gpu));

		if (!gpu || !NVB_GROW(history->gpus, history->gpu_count, history->gpu_capacity)) {
			free(gpu);
			return nvb_fail_oom(err);
		}
		memset(gpu, 0xff, sizeof(*gpu));
		history->gpus[history->gpu_count++] = gpu;
	}
	return 0;
}

static void set(struct nvb_history *history, size_t gpu, enum nvb_history_series series, uint16_t value)
{
	history->gpus[gpu]->points[series][history->newest] = value;
}

int nvb_history_add(struct nvb_history *history, const nvb_sample *sample, nvb_error **err)
{
	uint64_t now = nvb_sample_time(sample) / 1000000;
	int rc = make_room(history, nvb_sample_gpu_count(sample), err);

	if (rc < 0)
		return rc;
	if (history->count == 0 || now / RESOLUTION_MS != history->times[history->newest] / RESOLUTION_MS) {
		history->newest = history->count ? (history->newest + 1) % NVB_HISTORY_POINTS : 0;
		if (history->count < NVB_HISTORY_POINTS)
			history->count++;
	}
	history->times[history->newest] = now;
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
		set(history, g, NVB_HISTORY_UTILIZATION,
			scaled(nvb_sample_value(sample, g, NVB_METRIC_UTILIZATION), 1000));
		set(history, g, NVB_HISTORY_MEMORY, memory_share(sample, g));
		set(history, g, NVB_HISTORY_POWER, scaled(nvb_sample_value(sample, g, NVB_METRIC_POWER), 10));
		set(history, g, NVB_HISTORY_TEMPERATURE,
			scaled(nvb_sample_value(sample, g, NVB_METRIC_TEMPERATURE), 10));
	}
	return 0;
}

static size_t place(const struct nvb_history *history, size_t i)
{
	return (history->newest + NVB_HISTORY_POINTS + 1 - history->count + i) % NVB_HISTORY_POINTS;
}

uint64_t nvb_history_time(const struct nvb_history *history, size_t i)
{
	return history->times[place(history, i)];
}

uint16_t nvb_history_point(
	const struct nvb_history *history, size_t gpu, enum nvb_history_series series, size_t i)
{
	return history->gpus[gpu]->points[series][place(history, i)];
}

void nvb_history_release(struct nvb_history *history)
{
	for (size_t g = 0; g < history->gpu_count; g++)
		free(history->gpus[g]);
	free(history->gpus);
	*history = (struct nvb_history){0};
}
