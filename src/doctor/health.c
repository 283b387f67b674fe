/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/health.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "inventory/nvml_process.h"

/* A card that hangs holds up NVML for ever; who waits longer than this calls it silent anyway. */
enum { LIMIT_MS = 20 * 1000 };

/* "00000000:3B:00.0", as NVML has it, to "0000:3b:00.0". */
static void normalise(char pci[static 32])
{
	size_t n = strlen(pci);

	for (char *p = pci; *p; p++)
		*p = isprint((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '?';
	if (n == sizeof("00000000:3b:00.0") - 1 && strncmp(pci, "0000", 4) == 0)
		memmove(pci, pci + 4, n - 3);
}

int nvb_health_parse(struct nvb_health *health, const void *data, size_t size, nvb_error **err)
{
	_cleanup_free_ struct nvb_health_gpu *gpus = NULL;
	struct nvb_health_head head;

	if (size < sizeof(head))
		return nvb_fail(err, NVB_ERR_CORRUPT, "NVML ended before it answered");
	memcpy(&head, data, sizeof(head));
	if (head.magic != NVB_HEALTH_MAGIC || head.gpu_count > NVB_HEALTH_GPUS ||
		size != sizeof(head) + head.gpu_count * sizeof(*gpus))
		return nvb_fail(err, NVB_ERR_CORRUPT, "what NVML says is damaged");
	gpus = malloc((head.gpu_count + 1) * sizeof(*gpus));
	if (!gpus)
		return nvb_fail_oom(err);
	memcpy(gpus, (const char *)data + sizeof(head), head.gpu_count * sizeof(*gpus));
	for (uint32_t i = 0; i < head.gpu_count; i++) {
		gpus[i].pci[sizeof(gpus[i].pci) - 1] = '\0';
		normalise(gpus[i].pci);
	}
	health->result = head.result;
	health->gpu_count = head.gpu_count;
	free(health->gpus);
	health->gpus = NVB_TAKE_PTR(gpus);
	if (!head.loaded)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "libnvidia-ml.so.1 cannot be loaded");
	return 0;
}

static int ask(struct nvb_health *health, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_nvml_process_ struct nvb_nvml_process process = NVB_NVML_PROCESS_INIT;
	_cleanup_free_ char *library = NULL, *data = NULL;
	size_t size = 0;
	int rc = nvb_nvml_library(inventory, &library, err);

	process.limit_ms = LIMIT_MS;
	if (rc == 0)
		rc = nvb_nvml_start(&process, nvb_health_child, library, err);
	if (rc == 0)
		rc = nvb_nvml_receive_all(&process,
			sizeof(struct nvb_health_head) + NVB_HEALTH_GPUS * sizeof(struct nvb_health_gpu),
			&data, &size, err);
	return rc < 0 ? rc : nvb_health_parse(health, data, size, err);
}

void nvb_health_ask(struct nvb_health *health, const struct nvb_inventory *inventory)
{
	if (health->asked)
		return;
	health->asked = true;
	if (ask(health, inventory, &health->error) == 0 && health->result != 0)
		nvb_nvml_fail(&health->error, health->result, "NVML");
}

void nvb_health_release(struct nvb_health *health)
{
	nvb_error_free(health->error);
	free(health->gpus);
	*health = (struct nvb_health){0};
}
