/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "sampler/child.h"

/* What of a GPU is a list: its MIG devices, and who uses it. */

#define UNKNOWN_BYTES UINT64_MAX

static void mig_memory(struct nvb_sampler_worker *w, nvml_device device, struct nvb_said_mig *mig)
{
	nvml_memory_v2 m = {.version = nvml_version(nvml_memory_v2, 2)};
	nvml_memory old = {0};

	mig->total = mig->used = mig->free = mig->reserved = UNKNOWN_BYTES;
	if (NVB_CALL(w, nvmlDeviceGetMemoryInfo_v2, device, &m) == NVML_OK) {
		mig->total = m.total;
		mig->used = m.used;
		mig->free = m.free;
		mig->reserved = m.reserved;
	} else if (NVB_CALL(w, nvmlDeviceGetMemoryInfo, device, &old) == NVML_OK) {
		mig->total = old.total;
		mig->used = old.used;
		mig->free = old.free;
	}
}

static bool read_mig(struct nvb_sampler_worker *w, uint32_t slot, struct nvb_said_mig *mig)
{
	char text[NVML_NAME_SIZE] = "";
	nvml_device device = NULL;
	const char *profile;

	/* A free slot answers NOT_FOUND. */
	if (NVB_CALL(w, nvmlDeviceGetMigDeviceHandleByIndex, w->device, slot, &device) != NVML_OK ||
		NVB_CALL(w, nvmlDeviceGetGpuInstanceId, device, &mig->gi) != NVML_OK ||
		NVB_CALL(w, nvmlDeviceGetComputeInstanceId, device, &mig->ci) != NVML_OK)
		return false;
	if (NVB_CALL(w, nvmlDeviceGetUUID, device, text, sizeof(text)) == NVML_OK)
		nvb_said_text(mig->uuid, text, sizeof(text));
	/* "NVIDIA H200 MIG 1g.18gb" */
	if (NVB_CALL(w, nvmlDeviceGetName, device, text, sizeof(text)) == NVML_OK) {
		text[sizeof(text) - 1] = '\0';
		profile = strstr(text, "MIG ");
		if (profile)
			nvb_said_text(mig->profile, profile + 4, strlen(profile + 4));
	}
	mig_memory(w, device, mig);
	return true;
}

void nvb_ask_migs(struct nvb_sampler_worker *w)
{
	size_t size = sizeof(struct nvb_said_migs) + NVB_SAID_MIGS_MOST * sizeof(struct nvb_said_mig);
	uint32_t mode = 0, pending = 0, slots = 0;
	_cleanup_free_ struct nvb_said_migs *said = NULL;
	nvml_return rc = NVB_CALL(w, nvmlDeviceGetMigMode, w->device, &mode, &pending);

	said = calloc(1, mode == 1 ? size : sizeof(*said));
	if (!said)
		return;
	said->mode = rc != NVML_OK ? -1 : mode == 1;
	if (said->mode == 1 && NVB_CALL(w, nvmlDeviceGetMaxMigDeviceCount, w->device, &slots) != NVML_OK)
		slots = 0;
	for (uint32_t slot = 0; slot < slots && said->count < NVB_SAID_MIGS_MOST; slot++) {
		struct nvb_said_mig mig = {.index = said->count};

		if (read_mig(w, slot, &mig))
			said->migs[said->count++] = mig;
	}
	said->time = nvb_monotonic();
	nvb_say(w->child, NVB_SAID_MIGS, w->index, 0, said,
		sizeof(*said) + said->count * sizeof(said->migs[0]));
}

/* Processes: NVML has a list for each kind of use, and utilisation as news. */

typedef nvml_return list_call(nvml_device, uint32_t *, nvml_process_info *);

static struct nvb_said_process *find(struct nvb_said_processes *said, const nvml_process_info *info)
{
	for (uint32_t i = 0; i < said->count; i++)
		if (said->processes[i].pid == info->pid && said->processes[i].gi == info->gi &&
			said->processes[i].ci == info->ci)
			return &said->processes[i];
	return NULL;
}

static nvml_return add_list(struct nvb_sampler_worker *w, list_call *call, unsigned kind,
	struct nvb_said_processes *said, nvml_process_info *infos)
{
	uint32_t count = NVB_SAID_PROCESSES_MOST;
	nvml_return rc = call ? nvb_judge(w, call(w->device, &count, infos)) : NVML_FUNCTION_NOT_FOUND;

	for (uint32_t i = 0; rc == NVML_OK && i < count && i < NVB_SAID_PROCESSES_MOST; i++) {
		struct nvb_said_process *p = find(said, &infos[i]);

		if (!p && (infos[i].pid == 0 || said->count == NVB_SAID_PROCESSES_MOST))
			continue;
		if (!p) {
			p = &said->processes[said->count++];
			*p = (struct nvb_said_process){.pid = infos[i].pid,
				.gi = infos[i].gi,
				.ci = infos[i].ci,
				.memory = infos[i].memory};
		}
		p->kinds |= kind;
	}
	return rc;
}

static struct nvb_known_use *known_use(struct nvb_sampler_worker *w, uint32_t pid)
{
	for (size_t i = 0; i < w->use_count; i++)
		if (w->uses[i].pid == pid)
			return &w->uses[i];
	return NULL;
}

enum { NEWS_MOST = 512 };

/* The driver keeps some hundred samples of each process; who has asked for none yet, or not for long, asks
 * for the last second's alone where all are too many. */
static nvml_return ask_news(struct nvb_sampler_worker *w, nvml_process_utilization *news, uint32_t *count)
{
	nvml_return rc;
	struct timespec t;

	*count = NEWS_MOST;
	rc = NVB_CALL(w, nvmlDeviceGetProcessUtilization, w->device, news, count, w->process_seen);
	if (rc != NVML_INSUFFICIENT_SIZE)
		return rc;
	clock_gettime(CLOCK_REALTIME, &t);
	w->process_seen = (uint64_t)(t.tv_sec - 1) * 1000000 + (uint64_t)t.tv_nsec / 1000;
	*count = NEWS_MOST;
	return NVB_CALL(w, nvmlDeviceGetProcessUtilization, w->device, news, count, w->process_seen);
}

static void take_news(struct nvb_sampler_worker *w, const nvml_process_utilization *news)
{
	struct nvb_known_use *use = known_use(w, news->pid);

	if (news->pid == 0 || news->sm > 100 || news->memory > 100 || (use && use->time > news->time))
		return;
	if (!use && NVB_GROW(w->uses, w->use_count, w->use_capacity))
		use = &w->uses[w->use_count++];
	if (!use)
		return;
	*use = (struct nvb_known_use){.pid = news->pid,
		.sm = news->sm,
		.memory = news->memory,
		.encoder = news->encoder,
		.decoder = news->decoder,
		.time = news->time};
	if (news->time > w->process_seen)
		w->process_seen = news->time;
}

/* Takes the news over; what is not known any more is dropped. False: this GPU has none. */
static bool read_use(struct nvb_sampler_worker *w, const struct nvb_said_processes *said)
{
	static _Thread_local nvml_process_utilization news[NEWS_MOST];
	uint32_t count;
	nvml_return rc = ask_news(w, news, &count);
	size_t kept = 0;

	for (uint32_t i = 0; rc == NVML_OK && i < count && i < NEWS_MOST; i++)
		take_news(w, &news[i]);
	for (uint32_t i = 0; i < said->count; i++) {
		struct nvb_known_use *use = known_use(w, said->processes[i].pid);

		if (use)
			use->seen = true;
	}
	for (size_t i = 0; i < w->use_count; i++)
		if (w->uses[i].seen) {
			w->uses[kept] = w->uses[i];
			w->uses[kept++].seen = false;
		}
	w->use_count = kept;
	return rc == NVML_OK || rc == NVML_NOT_FOUND || rc == NVML_INSUFFICIENT_SIZE;
}

static void put_use(const struct nvb_sampler_worker *w, struct nvb_said_process *p, bool has)
{
	const struct nvb_known_use *use = known_use((struct nvb_sampler_worker *)w, p->pid);

	p->sm = p->memory_utilization = p->encoder = p->decoder =
		has ? NVB_SAID_PENDING : NVB_SAID_UNSUPPORTED;
	if (!has || !use)
		return;
	p->sm = use->sm;
	p->memory_utilization = use->memory;
	p->encoder = use->encoder;
	p->decoder = use->decoder;
	p->time = nvb_monotonic_of(use->time);
}

void nvb_ask_processes(struct nvb_sampler_worker *w)
{
	const struct nvb_sampler_calls *nvml = &w->child->nvml;
	const struct {
		unsigned kind;
		list_call *call;
	} lists[] = {
		{NVB_USE_COMPUTE, nvml->nvmlDeviceGetComputeRunningProcesses_v3
					  ? nvml->nvmlDeviceGetComputeRunningProcesses_v3
					  : nvml->nvmlDeviceGetComputeRunningProcesses_v2},
		{NVB_USE_GRAPHICS, nvml->nvmlDeviceGetGraphicsRunningProcesses_v3
					   ? nvml->nvmlDeviceGetGraphicsRunningProcesses_v3
					   : nvml->nvmlDeviceGetGraphicsRunningProcesses_v2},
		{NVB_USE_MPS, nvml->nvmlDeviceGetMPSComputeRunningProcesses_v3
				      ? nvml->nvmlDeviceGetMPSComputeRunningProcesses_v3
				      : nvml->nvmlDeviceGetMPSComputeRunningProcesses_v2},
	};
	_cleanup_free_ struct nvb_said_processes *said =
		calloc(1, sizeof(*said) + NVB_SAID_PROCESSES_MOST * sizeof(said->processes[0]));
	_cleanup_free_ nvml_process_info *infos = malloc(NVB_SAID_PROCESSES_MOST * sizeof(*infos));
	nvml_return first = NVML_OK;
	bool has_use;

	if (!said || !infos)
		return;
	for (size_t i = 0; i < NVB_ELEMENTS(lists); i++) {
		nvml_return rc = add_list(w, lists[i].call, lists[i].kind, said, infos);

		if (i == 0)
			first = rc;
	}
	has_use = read_use(w, said);
	for (uint32_t i = 0; i < said->count; i++)
		put_use(w, &said->processes[i], has_use);
	said->result = (int32_t)first;
	said->time = nvb_monotonic();
	nvb_say(w->child, NVB_SAID_PROCESSES, w->index, 0, said,
		sizeof(*said) + said->count * sizeof(said->processes[0]));
}
