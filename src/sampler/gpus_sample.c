/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "inventory/nvml_abi.h"
#include "sampler/gpus.h"

/* What is known becomes a sample. */

/* In the user's words, with where to look on. */
static const struct {
	int32_t result;
	enum nvb_sample_state state;
	const char *words;
} answers[] = {
	{NVML_GPU_IS_LOST, NVB_SAMPLE_LOST, "fell off the bus: see the kernel's log for NVRM: Xid 79"},
	{NVML_GPU_NOT_FOUND, NVB_SAMPLE_LOST, "the driver does not find it any more"},
	{NVML_RESET_REQUIRED, NVB_SAMPLE_ERROR, "needs a reset: nvidia-smi --gpu-reset"},
	{NVML_IRQ_ISSUE, NVB_SAMPLE_ERROR, "its interrupts do not arrive: see the kernel's log"},
	{NVML_TIMEOUT, NVB_SAMPLE_ERROR, "hangs: the driver got no answer from it"},
	{NVML_INSUFFICIENT_POWER, NVB_SAMPLE_ERROR, "its external power cable is not connected"},
	{NVML_DRIVER_NOT_LOADED, NVB_SAMPLE_ERROR, "the NVIDIA kernel module is not loaded"},
	{NVML_NO_PERMISSION, NVB_SAMPLE_ERROR, "no permission: check the modes of /dev/nvidia*"},
	{NVML_UNINITIALIZED, NVB_SAMPLE_ERROR, "the driver was unloaded"},
};

static enum nvb_sample_state state_of(int32_t result, const char **words)
{
	for (size_t i = 0; i < NVB_ELEMENTS(answers); i++)
		if (answers[i].result == result) {
			*words = answers[i].words;
			return answers[i].state;
		}
	*words = "the driver reports an error of it";
	return NVB_SAMPLE_ERROR;
}

static enum nvb_sample_state judge(const struct nvb_sampled_gpus *gpus, const struct nvb_sampled_gpu *gpu,
	uint64_t tick, const char **words)
{
	*words = NULL;
	if (!gpu->listed) {
		*words = "gone: the kernel does not list it any more";
		return NVB_SAMPLE_GONE;
	}
	if (gpus->failure) {
		*words = gpus->failure;
		return NVB_SAMPLE_ERROR;
	}
	if (!gpu->associated) {
		if (gpus->nameless)
			return state_of(gpus->nameless, words);
		if (gpus->told < gpus->place_count || !gpus->places) {
			*words = "has not answered yet";
			return NVB_SAMPLE_WAITING;
		}
		*words = "the driver does not list it";
		return NVB_SAMPLE_GONE;
	}
	if (gpu->result != NVML_OK)
		return state_of(gpu->result, words);
	if (gpu->answered >= tick)
		return NVB_SAMPLE_FINE;
	*words = gpu->answered ? "has not answered in time" : "has not answered yet";
	return gpu->answered ? NVB_SAMPLE_SLOW : NVB_SAMPLE_WAITING;
}

static struct nvb_value known(double value, uint64_t time, uint64_t now)
{
	return (struct nvb_value){
		.value = value, .age_ns = now > time ? now - time : 0, .state = NVB_VALUE_KNOWN};
}

/* Numbers of a GPU that does not answer any more are no measurements. */
static bool is_dead(enum nvb_sample_state state)
{
	return state == NVB_SAMPLE_ERROR || state == NVB_SAMPLE_LOST || state == NVB_SAMPLE_GONE;
}

static void put_values(struct nvb_sample_gpu_part *part, const struct nvb_sampled_gpu *gpu, uint64_t now)
{
	for (int m = 0; m < NVB_METRIC_COUNT; m++) {
		const struct nvb_said_value *v = &gpu->values[m];

		part->values[m] = v->state == NVB_VALUE_KNOWN ? known(v->value, v->time, now)
							      : (struct nvb_value){.state = v->state};
		if (is_dead(part->gpu.state) && v->state == NVB_VALUE_KNOWN)
			part->values[m] = (struct nvb_value){.state = NVB_VALUE_FAILED};
	}
	/* These come as events, also from a GPU that is lost. */
	if (gpu->facts.has_events) {
		part->values[NVB_METRIC_XID_ERRORS] = known((double)gpu->xids, now, now);
		if (gpu->xids)
			part->values[NVB_METRIC_LAST_XID] = known((double)gpu->last_xid, gpu->xid_time, now);
	}
}

static const char *text_of(nvb_sample *sample, const char *s, bool *ok)
{
	const char *copy = *s ? nvb_arena_strdup(&sample->arena, s) : NULL;

	*ok = *ok && (copy || !*s);
	return copy;
}

static struct nvb_value bytes(uint64_t n, uint64_t time, uint64_t now)
{
	return n == UINT64_MAX ? (struct nvb_value){.state = NVB_VALUE_UNSUPPORTED}
			       : known((double)n, time, now);
}

static bool put_migs(
	nvb_sample *sample, struct nvb_sample_gpu_part *part, const struct nvb_sampled_gpu *gpu, uint64_t now)
{
	bool ok = true;

	part->gpu.mig_mode = gpu->mig_mode;
	if (gpu->mig_mode != 1 || part->gpu.state == NVB_SAMPLE_GONE)
		return true;
	part->migs = nvb_arena_alloc(&sample->arena, (gpu->mig_count + 1) * sizeof(*part->migs));
	if (!part->migs)
		return false;
	for (uint32_t i = 0; i < gpu->mig_count; i++) {
		const struct nvb_said_mig *from = &gpu->migs[i];
		struct nvb_sample_mig_part *to = &part->migs[i];

		to->mig = (struct nvb_sample_mig){.index = from->index,
			.gi = from->gi,
			.ci = from->ci,
			.uuid = text_of(sample, from->uuid, &ok),
			.profile = text_of(sample, from->profile, &ok)};
		to->values[NVB_METRIC_MEMORY_TOTAL - NVB_MIG_FIRST] = bytes(from->total, gpu->migs_time, now);
		to->values[NVB_METRIC_MEMORY_USED - NVB_MIG_FIRST] = bytes(from->used, gpu->migs_time, now);
		to->values[NVB_METRIC_MEMORY_FREE - NVB_MIG_FIRST] = bytes(from->free, gpu->migs_time, now);
		to->values[NVB_METRIC_MEMORY_RESERVED - NVB_MIG_FIRST] =
			bytes(from->reserved, gpu->migs_time, now);
	}
	part->gpu.mig_count = gpu->mig_count;
	return ok;
}

static struct nvb_value percent(uint32_t said, uint64_t time, uint64_t now)
{
	if (said == NVB_SAID_UNSUPPORTED || (said != NVB_SAID_PENDING && said > 100))
		return (struct nvb_value){.state = NVB_VALUE_UNSUPPORTED};
	if (said == NVB_SAID_PENDING)
		return (struct nvb_value){.state = NVB_VALUE_PENDING};
	return known(said / 100.0, time, now);
}

static uint32_t mig_of(const struct nvb_sampled_gpu *gpu, const struct nvb_said_process *p)
{
	for (uint32_t i = 0; gpu->mig_mode == 1 && i < gpu->mig_count; i++)
		if (gpu->migs[i].gi == p->gi && gpu->migs[i].ci == p->ci)
			return i;
	return NVB_NO_MIG;
}

static bool put_processes(nvb_sample *sample, struct nvb_sample_gpu_part *part,
	const struct nvb_sampled_gpu *gpu, struct nvb_known_processes *processes, uint64_t now)
{
	if (!gpu->processes_time || is_dead(part->gpu.state))
		return true;
	part->process_age = now > gpu->processes_time ? now - gpu->processes_time : 0;
	part->processes =
		nvb_arena_alloc(&sample->arena, (gpu->process_count + 1) * sizeof(*part->processes));
	if (!part->processes)
		return false;
	for (uint32_t i = 0; i < gpu->process_count; i++) {
		const struct nvb_said_process *from = &gpu->processes[i];
		struct nvb_sample_process *to = &part->processes[i];

		to->pid = from->pid;
		to->kinds = from->kinds;
		to->mig = mig_of(gpu, from);
		to->memory = bytes(from->memory, gpu->processes_time, now);
		to->utilization = percent(from->sm, from->time, now);
		to->memory_utilization = percent(from->memory_utilization, from->time, now);
		to->encoder_utilization = percent(from->encoder, from->time, now);
		to->decoder_utilization = percent(from->decoder, from->time, now);
		if (!nvb_known_process_fill(processes, now, sample, to))
			return false;
	}
	part->gpu.process_count = gpu->process_count;
	return true;
}

static bool put_gpu(nvb_sample *sample, struct nvb_sample_gpu_part *part, const struct nvb_sampled_gpu *gpu,
	const char *reason, uint64_t now)
{
	bool ok = true;

	part->gpu.index = gpu->index;
	part->gpu.state = gpu->state;
	part->gpu.since_ns = now > gpu->state_since ? now - gpu->state_since : 0;
	part->gpu.reason = text_of(sample, reason ? reason : "", &ok);
	part->gpu.uuid = text_of(sample, gpu->facts.uuid, &ok);
	part->gpu.name = text_of(sample, gpu->facts.name, &ok);
	part->gpu.pci_address = text_of(sample, gpu->pci, &ok);
	part->gpu.minor = gpu->facts.minor;
	part->gpu.pcie_generation_max = gpu->facts.pcie_generation_max;
	part->gpu.pcie_width_max = gpu->facts.pcie_width_max;
	put_values(part, gpu, now);
	return ok;
}

nvb_sample *nvb_sampled_gpus_sample(
	struct nvb_sampled_gpus *gpus, struct nvb_known_processes *processes, uint64_t tick, uint64_t now)
{
	_cleanup_sample_ nvb_sample *sample = nvb_sample_new(gpus->count);

	if (!sample)
		return NULL;
	gpus->untold = gpus->told < gpus->place_count;
	for (size_t i = 0; i < gpus->count; i++) {
		struct nvb_sampled_gpu *gpu = &gpus->items[i];
		struct nvb_sample_gpu_part *part = &sample->gpus[i];
		const char *reason;
		enum nvb_sample_state state = judge(gpus, gpu, tick, &reason);

		if (state != gpu->state)
			gpu->state_since = now;
		gpu->state = state;
		gpu->late = gpu->associated && gpu->answered < tick;
		if (!put_gpu(sample, part, gpu, reason, now) || !put_migs(sample, part, gpu, now) ||
			!put_processes(sample, part, gpu, processes, now))
			return NULL;
	}
	if (*gpus->driver) {
		sample->driver = nvb_arena_strdup(&sample->arena, gpus->driver);
		if (!sample->driver)
			return NULL;
	}
	return NVB_TAKE_PTR(sample);
}
