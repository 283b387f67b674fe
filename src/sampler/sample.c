/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/sample.h"

/* A sample: made once, then only read. */

nvb_sample *nvb_sample_new(size_t gpu_count)
{
	nvb_sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		return NULL;
	atomic_init(&sample->references, 1);
	sample->gpus = nvb_arena_alloc(&sample->arena, (gpu_count + 1) * sizeof(*sample->gpus));
	if (!sample->gpus) {
		nvb_sample_unref(sample);
		return NULL;
	}
	sample->gpu_count = gpu_count;
	for (size_t i = 0; i < gpu_count; i++) {
		sample->gpus[i].gpu.minor = UINT32_MAX;
		sample->gpus[i].gpu.mig_mode = -1;
		sample->gpus[i].process_age = UINT64_MAX;
	}
	return sample;
}

nvb_sample *nvb_sample_ref(nvb_sample *sample)
{
	atomic_fetch_add_explicit(&sample->references, 1, memory_order_relaxed);
	return sample;
}

void nvb_sample_unref(nvb_sample *sample)
{
	if (!sample || atomic_fetch_sub_explicit(&sample->references, 1, memory_order_acq_rel) != 1)
		return;
	nvb_arena_release(&sample->arena);
	free(sample);
}

uint64_t nvb_sample_time(const nvb_sample *sample)
{
	return sample->time;
}

uint64_t nvb_sample_sequence(const nvb_sample *sample)
{
	return sample->sequence;
}

uint64_t nvb_sample_interval(const nvb_sample *sample)
{
	return sample->interval;
}

const char *nvb_sample_notice(const nvb_sample *sample)
{
	return sample->notice;
}

const char *nvb_sample_driver_version(const nvb_sample *sample)
{
	return sample->driver;
}

size_t nvb_sample_gpu_count(const nvb_sample *sample)
{
	return sample->gpu_count;
}

static const struct nvb_sample_gpu_part *part(const nvb_sample *sample, size_t gpu)
{
	return gpu < sample->gpu_count ? &sample->gpus[gpu] : NULL;
}

const struct nvb_sample_gpu *nvb_sample_gpu(const nvb_sample *sample, size_t gpu)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	return p ? &p->gpu : NULL;
}

static const struct nvb_value none = {.state = NVB_VALUE_UNSUPPORTED};

struct nvb_value nvb_sample_value(const nvb_sample *sample, size_t gpu, enum nvb_metric metric)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	return p && (unsigned)metric < NVB_METRIC_COUNT ? p->values[metric] : none;
}

const struct nvb_sample_mig *nvb_sample_mig(const nvb_sample *sample, size_t gpu, size_t mig)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	return p && mig < p->gpu.mig_count ? &p->migs[mig].mig : NULL;
}

struct nvb_value nvb_sample_mig_value(
	const nvb_sample *sample, size_t gpu, size_t mig, enum nvb_metric metric)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	if (!p || mig >= p->gpu.mig_count || (int)metric < NVB_MIG_FIRST || (int)metric > NVB_MIG_LAST)
		return none;
	return p->migs[mig].values[(int)metric - NVB_MIG_FIRST];
}

const struct nvb_sample_process *nvb_sample_process(const nvb_sample *sample, size_t gpu, size_t process)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	return p && process < p->gpu.process_count ? &p->processes[process] : NULL;
}

uint64_t nvb_sample_process_age(const nvb_sample *sample, size_t gpu)
{
	const struct nvb_sample_gpu_part *p = part(sample, gpu);

	return p ? p->process_age : UINT64_MAX;
}

void nvb_sample_cost(const nvb_sample *sample, struct nvb_sample_cost *cost)
{
	*cost = sample->cost;
}
