/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/history.h"

#include <math.h>
#include <stdlib.h>

static float share_of(struct nvb_value part, struct nvb_value whole)
{
	if (part.state != NVB_VALUE_KNOWN || whole.state != NVB_VALUE_KNOWN || whole.value <= 0)
		return NAN;
	return (float)(part.value / whole.value);
}

float nvb_history_share(const nvb_sample *sample, size_t gpu, enum nvb_history_kind kind)
{
	static const struct nvb_value one = {.value = 1, .state = NVB_VALUE_KNOWN};
	static const struct nvb_value hundred = {.value = 100, .state = NVB_VALUE_KNOWN};

	switch (kind) {
	case NVB_HISTORY_UTILIZATION:
		return share_of(nvb_sample_value(sample, gpu, NVB_METRIC_UTILIZATION), one);
	case NVB_HISTORY_MEMORY:
		return share_of(nvb_sample_value(sample, gpu, NVB_METRIC_MEMORY_USED),
			nvb_sample_value(sample, gpu, NVB_METRIC_MEMORY_TOTAL));
	case NVB_HISTORY_POWER:
		return share_of(nvb_sample_value(sample, gpu, NVB_METRIC_POWER),
			nvb_sample_value(sample, gpu, NVB_METRIC_POWER_LIMIT));
	case NVB_HISTORY_TEMPERATURE:
		return share_of(nvb_sample_value(sample, gpu, NVB_METRIC_TEMPERATURE), hundred);
	default:
		return NAN;
	}
}

/* A GPU that comes while we watch has no past. */
static bool make_room(struct nvb_history *h, size_t count)
{
	float(*rings)[NVB_HISTORY_COUNT][NVB_HISTORY_LENGTH];

	if (count <= h->gpu_count)
		return true;
	rings = realloc(h->rings, count * sizeof(*rings));
	if (!rings)
		return false;
	h->rings = rings;
	for (; h->gpu_count < count; h->gpu_count++)
		for (int k = 0; k < NVB_HISTORY_COUNT; k++)
			for (int i = 0; i < NVB_HISTORY_LENGTH; i++)
				rings[h->gpu_count][k][i] = NAN;
	return true;
}

bool nvb_history_add(struct nvb_history *h, const nvb_sample *sample)
{
	size_t place = h->taken % NVB_HISTORY_LENGTH, count = nvb_sample_gpu_count(sample);

	if (!make_room(h, count))
		return false;
	for (size_t g = 0; g < h->gpu_count; g++)
		for (int k = 0; k < NVB_HISTORY_COUNT; k++)
			h->rings[g][k][place] =
				g < count ? nvb_history_share(sample, g, (enum nvb_history_kind)k) : NAN;
	h->taken++;
	return true;
}

float nvb_history_at(const struct nvb_history *h, size_t gpu, enum nvb_history_kind kind, size_t ago)
{
	if (gpu >= h->gpu_count || ago >= h->taken || ago >= NVB_HISTORY_LENGTH)
		return NAN;
	return h->rings[gpu][kind][(h->taken - 1 - ago) % NVB_HISTORY_LENGTH];
}

void nvb_history_release(struct nvb_history *h)
{
	free(h->rings);
	*h = (struct nvb_history){0};
}
