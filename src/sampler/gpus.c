/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler/gpus.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "inventory/nvml_abi.h"

/* Messages become what is known. */

#define LISTING "/proc/driver/nvidia/gpus"

/* In the place of a GPU of the child's: not told of, or without a name. */
#define NOT_TOLD UINT32_MAX
#define NAMELESS (UINT32_MAX - 1)

static int add_gpu(struct nvb_sampled_gpus *gpus, struct nvb_sampled_gpu **out, nvb_error **err)
{
	uint32_t index = 0;

	if (!NVB_GROW(gpus->items, gpus->count, gpus->capacity))
		return nvb_fail_oom(err);
	for (size_t i = 0; i < gpus->count; i++)
		if (gpus->items[i].index >= index)
			index = gpus->items[i].index + 1;
	*out = &gpus->items[gpus->count++];
	**out = (struct nvb_sampled_gpu){
		.index = index, .listed = true, .mig_mode = -1, .state = NVB_SAMPLE_WAITING};
	for (int m = 0; m < NVB_METRIC_COUNT; m++)
		(*out)->values[m].state = NVB_VALUE_PENDING;
	return 0;
}

int nvb_sampled_gpus_begin(
	struct nvb_sampled_gpus *gpus, const struct nvb_inventory *inventory, uint64_t now, nvb_error **err)
{
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *from = &inventory->gpus[i];
		struct nvb_sampled_gpu *gpu;
		int rc;

		/* Another driver has it: NVML will never tell of it. */
		if (from->minor == UINT32_MAX && inventory->platform != NVB_PLATFORM_WSL2)
			continue;
		rc = add_gpu(gpus, &gpu, err);
		if (rc < 0)
			return rc;
		gpu->index = from->index;
		gpu->state_since = now;
		gpu->facts.minor = from->minor;
		if (from->pci && !nvb_pci_normalise(from->pci, gpu->pci))
			*gpu->pci = '\0';
		snprintf(gpu->facts.uuid, sizeof(gpu->facts.uuid), "%s", from->uuid ? from->uuid : "");
		snprintf(gpu->facts.name, sizeof(gpu->facts.name), "%s", from->name ? from->name : "");
	}
	if (inventory->driver.version)
		snprintf(gpus->driver, sizeof(gpus->driver), "%s", inventory->driver.version);
	return 0;
}

void nvb_sampled_gpus_release(struct nvb_sampled_gpus *gpus)
{
	for (size_t i = 0; i < gpus->count; i++) {
		free(gpus->items[i].migs);
		free(gpus->items[i].processes);
	}
	free(gpus->items);
	free(gpus->places);
	*gpus = (struct nvb_sampled_gpus){0};
}

int nvb_sampled_gpus_restart(
	struct nvb_sampled_gpus *gpus, const struct nvb_said_hello *hello, nvb_error **err)
{
	uint32_t *places = malloc((hello->gpus + 1) * sizeof(*places));

	if (!places)
		return nvb_fail_oom(err);
	memset(places, 0xff, (hello->gpus + 1) * sizeof(*places));
	free(gpus->places);
	gpus->places = places;
	gpus->place_count = hello->gpus;
	gpus->told = 0;
	gpus->nameless = 0;
	gpus->untold = false;
	if (*hello->driver)
		memcpy(gpus->driver, hello->driver, sizeof(gpus->driver));
	for (size_t i = 0; i < gpus->count; i++) {
		gpus->items[i].associated = false;
		gpus->items[i].late = false;
		gpus->items[i].result = NVML_OK;
	}
	return 0;
}

static struct nvb_sampled_gpu *find(
	struct nvb_sampled_gpus *gpus, const char *pci, const struct nvb_said_facts *facts)
{
	for (size_t i = 0; *pci && i < gpus->count; i++)
		if (nvb_streq(gpus->items[i].pci, pci))
			return &gpus->items[i];
	for (size_t i = 0; *facts->uuid && i < gpus->count; i++)
		if (strcasecmp(gpus->items[i].facts.uuid, facts->uuid) == 0)
			return &gpus->items[i];
	return NULL;
}

static int take_facts(struct nvb_sampled_gpus *gpus, uint32_t child, const struct nvb_said_facts *facts,
	uint64_t now, nvb_error **err)
{
	char pci[NVB_PCI_ADDRESS] = "";
	struct nvb_sampled_gpu *gpu;
	int rc = 0;

	if (!nvb_pci_normalise(facts->pci, pci))
		*pci = '\0';
	gpus->told += gpus->places[child] == NOT_TOLD;
	if (facts->result != NVML_OK) {
		gpus->nameless = facts->result;
		gpus->places[child] = NAMELESS;
		return 0;
	}
	gpu = find(gpus, pci, facts);
	if (!gpu) {
		rc = add_gpu(gpus, &gpu, err);
		if (rc < 0)
			return rc;
		gpu->state_since = now;
	}
	gpu->facts = *facts;
	memcpy(gpu->pci, pci, sizeof(pci));
	gpu->associated = true;
	/* A sample that was made before it could be named has waited for it already. */
	gpu->late = gpus->untold;
	gpus->places[child] = (uint32_t)(gpu - gpus->items);
	for (int m = NVB_METRIC_XID_ERRORS; m <= NVB_METRIC_LAST_XID; m++)
		gpu->values[m].state = facts->has_events ? NVB_VALUE_PENDING : NVB_VALUE_UNSUPPORTED;
	return 0;
}

static void take_values(const struct nvb_sampled_gpus *gpus, struct nvb_sampled_gpu *gpu,
	const struct nvb_said_values *said, uint64_t tick, uint64_t now)
{
	gpu->result = said->result;
	gpu->answered = tick;
	/* The sample may have been made without waiting for it: that says nothing of how fast it was. */
	if (tick == gpus->asked && now - gpus->asked_at <= gpus->patience)
		gpu->late = false;
	for (uint32_t i = 0; i < said->count; i++) {
		struct nvb_said_value *v = &gpu->values[said->values[i].metric];

		*v = said->values[i];
		if (v->time > now || v->time == 0)
			v->time = now;
	}
}

static int take_migs(struct nvb_sampled_gpu *gpu, const struct nvb_said_migs *said, nvb_error **err)
{
	struct nvb_said_mig *migs = malloc((said->count + 1) * sizeof(*migs));

	if (!migs)
		return nvb_fail_oom(err);
	memcpy(migs, said->migs, said->count * sizeof(*migs));
	free(gpu->migs);
	gpu->migs = migs;
	gpu->mig_count = said->count;
	gpu->mig_mode = said->mode;
	gpu->migs_time = said->time;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct nvb_said_process *p = a, *q = b;

	if (p->pid != q->pid)
		return p->pid < q->pid ? -1 : 1;
	if (p->gi != q->gi)
		return p->gi < q->gi ? -1 : 1;
	return p->ci < q->ci ? -1 : p->ci > q->ci;
}

static int take_processes(struct nvb_sampled_gpu *gpu, const struct nvb_said_processes *said, nvb_error **err)
{
	struct nvb_said_process *list;

	/* A driver that does not tell leaves what was never had unknown. */
	if (said->result != NVML_OK && said->count == 0) {
		gpu->process_count = 0;
		gpu->processes_time = 0;
		return 0;
	}
	list = malloc((said->count + 1) * sizeof(*list));
	if (!list)
		return nvb_fail_oom(err);
	memcpy(list, said->processes, said->count * sizeof(*list));
	qsort(list, said->count, sizeof(*list), by_pid);
	free(gpu->processes);
	gpu->processes = list;
	gpu->process_count = said->count;
	gpu->processes_time = said->time;
	return 0;
}

int nvb_sampled_gpus_take(struct nvb_sampled_gpus *gpus, const struct nvb_said_head *head, const void *body,
	uint64_t now, nvb_error **err)
{
	const struct nvb_said_event *event = body;
	struct nvb_sampled_gpu *gpu;

	if (head->gpu >= gpus->place_count)
		return 0;
	if (head->type == NVB_SAID_FACTS)
		return take_facts(gpus, head->gpu, body, now, err);
	if (gpus->places[head->gpu] >= NAMELESS)
		return 0;
	gpu = &gpus->items[gpus->places[head->gpu]];
	switch (head->type) {
	case NVB_SAID_VALUES:
		take_values(gpus, gpu, body, head->tick, now);
		return 0;
	case NVB_SAID_MIGS:
		return take_migs(gpu, body, err);
	case NVB_SAID_PROCESSES:
		return take_processes(gpu, body, err);
	case NVB_SAID_EVENT:
		gpu->xids++;
		gpu->last_xid = event->xid;
		gpu->xid_time = now;
		return 0;
	default:
		return 0;
	}
}

void nvb_bus_read(struct nvb_bus *listing, const struct nvb_inventory *inventory)
{
	int fd = nvb_root_openat(&inventory->roots.proc, LISTING, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_closedir_ DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (fd >= 0 && !dir)
		close(fd);
	/* A driver that is unloaded takes its list along; where there never was one (WSL2) there is nothing
	 * to compare with. */
	if (dir)
		listing->known = true;
	listing->count = 0;
	listing->signature = 0;
	while (dir && (entry = readdir(dir))) {
		char pci[NVB_PCI_ADDRESS];
		uint64_t hash = UINT64_C(14695981039346656037);

		if (!nvb_pci_normalise(entry->d_name, pci) ||
			!NVB_GROW(listing->pci, listing->count, listing->capacity))
			continue;
		memcpy(listing->pci[listing->count++], pci, sizeof(pci));
		/* FNV-1a, summed up: the order of a directory means nothing. */
		for (const char *c = pci; *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
		listing->signature += hash;
	}
}

void nvb_sampled_gpus_compare(struct nvb_sampled_gpus *gpus, const struct nvb_bus *listing)
{
	for (size_t i = 0; i < gpus->count; i++) {
		struct nvb_sampled_gpu *gpu = &gpus->items[i];

		gpu->listed = !listing->known || !*gpu->pci;
		for (size_t k = 0; !gpu->listed && k < listing->count; k++)
			gpu->listed = nvb_streq(gpu->pci, listing->pci[k]);
	}
}

bool nvb_sampled_gpus_answered(const struct nvb_sampled_gpus *gpus, uint64_t tick)
{
	if (gpus->told < gpus->place_count && !gpus->untold)
		return false;
	for (size_t i = 0; i < gpus->count; i++)
		if (gpus->items[i].associated && !gpus->items[i].late && gpus->items[i].answered < tick)
			return false;
	return true;
}

bool nvb_sampled_gpus_lack(const struct nvb_sampled_gpus *gpus)
{
	bool lacks = false;

	for (size_t i = 0; i < gpus->count; i++)
		lacks |= gpus->items[i].listed && *gpus->items[i].pci && !gpus->items[i].associated;
	return lacks && gpus->told == gpus->place_count;
}
