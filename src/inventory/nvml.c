/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "inventory/cache.h"
#include "inventory/nvml_process.h"
#include "inventory/nvml_record.h"
#include "inventory/procfs.h"

/* The parent's side of the NVML seam: a child asks, we check and take over what it says. */

enum {
	ANSWER_MAX = sizeof(struct nvb_nvml_head) + NVB_NVML_GPU_MAX * sizeof(struct nvb_nvml_gpu) +
		     NVB_NVML_MIG_MAX * sizeof(struct nvb_nvml_mig),
};

static int child(const char *library, int in, int out)
{
	(void)in;
	return nvb_nvml_child(library, out);
}

static int ask_child(const char *library, char **answer, size_t *size, nvb_error **err)
{
	_cleanup_nvml_process_ struct nvb_nvml_process process = NVB_NVML_PROCESS_INIT;
	int rc = nvb_nvml_start(&process, child, library, err);

	return rc < 0 ? rc : nvb_nvml_receive_all(&process, ANSWER_MAX, answer, size, err);
}

static int explain(const struct nvb_nvml_head *head, const char *library, nvb_error **err)
{
	if (head->step == NVB_NVML_OPEN)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "loading %s: %s", library, head->message);
	return nvb_nvml_fail(err, head->result, "%s", library);
}

/* Takes over a text that is not known yet. */
static bool learn(struct nvb_inventory *inventory, const char **field, const char *value)
{
	if (*field || !*value)
		return true;
	*field = nvb_arena_strdup(&inventory->arena, value);
	return *field != NULL;
}

static bool same_gpu(const struct nvb_gpu *gpu, const struct nvb_nvml_gpu *told)
{
	char pci[NVB_PCI_ADDRESS];

	if (*told->pci && gpu->pci && nvb_pci_normalise(told->pci, pci))
		return nvb_streq(pci, gpu->pci);
	return *told->uuid && gpu->uuid && strcasecmp(told->uuid, gpu->uuid) == 0;
}

static int learn_gpu(struct nvb_inventory *inventory, struct nvb_gpu *gpu,
	const struct nvb_nvml_record *record, uint32_t index, nvb_error **err)
{
	const struct nvb_nvml_gpu *told = &record->gpus[index];
	bool fine = learn(inventory, &gpu->uuid, told->uuid) && learn(inventory, &gpu->name, told->name);

	if (told->memory)
		gpu->memory = told->memory;
	if (told->compute_major >= 0) {
		gpu->compute_major = told->compute_major;
		gpu->compute_minor = told->compute_minor;
	}
	for (size_t m = 0; fine && m < gpu->mig_count; m++) {
		struct nvb_mig_device *mig = &gpu->migs[m];

		for (uint32_t i = 0; fine && i < record->head.mig_count; i++) {
			const struct nvb_nvml_mig *other = &record->migs[i];

			if (other->gpu != index || other->gi != mig->gi || other->ci != mig->ci)
				continue;
			fine = learn(inventory, &mig->uuid, other->uuid) &&
			       learn(inventory, &mig->profile, other->profile);
			mig->memory = other->memory;
		}
	}
	return fine ? 0 : nvb_fail_oom(err);
}

/* WSL2 has no /proc/driver/nvidia: there NVML's list is the only one. */
static int adopt_gpus(struct nvb_inventory *inventory, const struct nvb_nvml_record *record, nvb_error **err)
{
	struct nvb_gpu *gpus =
		nvb_arena_alloc(&inventory->arena, (record->head.gpu_count + 1) * sizeof(*gpus));

	if (!gpus)
		return nvb_fail_oom(err);
	for (uint32_t i = 0; i < record->head.gpu_count; i++) {
		char pci[NVB_PCI_ADDRESS];

		gpus[i] = (struct nvb_gpu){.index = i,
			.minor = UINT32_MAX,
			.numa_node = -1,
			.compute_major = -1,
			.compute_minor = -1};
		gpus[i].pci = nvb_arena_strdup(
			&inventory->arena, nvb_pci_normalise(record->gpus[i].pci, pci) ? pci : "unknown");
		if (!gpus[i].pci)
			return nvb_fail_oom(err);
	}
	inventory->gpus = gpus;
	inventory->gpu_count = record->head.gpu_count;
	return 0;
}

static int learn_all(struct nvb_inventory *inventory, const struct nvb_nvml_record *record, nvb_error **err)
{
	bool adopt = inventory->platform == NVB_PLATFORM_WSL2 && inventory->gpu_count == 0;
	int rc = adopt ? adopt_gpus(inventory, record, err) : 0;

	if (rc == 0 && !learn(inventory, &inventory->driver.version, record->head.version))
		rc = nvb_fail_oom(err);
	for (size_t g = 0; rc == 0 && g < inventory->gpu_count; g++)
		for (uint32_t i = 0; rc == 0 && i < record->head.gpu_count; i++)
			if (adopt ? i == g : same_gpu(&inventory->gpus[g], &record->gpus[i]))
				rc = learn_gpu(inventory, &inventory->gpus[g], record, i, err);
	return rc;
}

int nvb_inventory_ask_nvml(struct nvb_inventory *inventory, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_nvml_record_ struct nvb_nvml_record record = {0};
	_cleanup_free_ char *library = NULL, *answer = NULL;
	size_t size = 0;
	int rc;

	if (inventory->nvml_asked)
		return 0;
	rc = nvb_nvml_library(inventory, &library, err);
	if (rc == 0)
		rc = ask_child(library, &answer, &size, err);
	if (rc < 0)
		return rc;
	rc = nvb_nvml_record_parse(&record, answer, size, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", library);
	if (record.head.step != NVB_NVML_DONE)
		return explain(&record.head, library, err);
	rc = learn_all(inventory, &record, err);
	if (rc < 0)
		return rc;
	inventory->nvml_asked = true;
	nvb_inventory_keep(inventory, log);
	return 0;
}
