/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/nvml_record.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "inventory/procfs.h"

/* Ends inside its buffer and holds nothing that could garble a terminal or a spec. */
static bool is_text(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);

	if (!end || !nvb_utf8_valid(s, (size_t)(end - s)))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool check_gpu(const struct nvb_nvml_gpu *gpu)
{
	char pci[NVB_PCI_ADDRESS];

	return is_text(gpu->pci, sizeof(gpu->pci)) && is_text(gpu->uuid, sizeof(gpu->uuid)) &&
	       is_text(gpu->name, sizeof(gpu->name)) && (!*gpu->pci || nvb_pci_normalise(gpu->pci, pci)) &&
	       (!*gpu->uuid || nvb_is_uuid(gpu->uuid, "GPU-")) && gpu->compute_major >= -1 &&
	       gpu->compute_major < 1000 && gpu->compute_minor >= -1 && gpu->compute_minor < 1000;
}

/* A MIG UUID is "MIG-<uuid>", or before driver 470 "MIG-GPU-<uuid>/<gi>/<ci>". */
static bool is_mig_uuid(const char *uuid)
{
	return nvb_is_uuid(uuid, "MIG-") || nvb_after(uuid, "MIG-GPU-");
}

static bool check_mig(const struct nvb_nvml_head *head, const struct nvb_nvml_mig *mig)
{
	return mig->gpu < head->gpu_count && is_text(mig->uuid, sizeof(mig->uuid)) &&
	       is_text(mig->profile, sizeof(mig->profile)) && (!*mig->uuid || is_mig_uuid(mig->uuid));
}

static bool check_head(const struct nvb_nvml_head *head, size_t size)
{
	return head->magic == NVB_NVML_MAGIC && head->step <= NVB_NVML_COUNT &&
	       head->gpu_count <= NVB_NVML_GPU_MAX && head->mig_count <= NVB_NVML_MIG_MAX &&
	       is_text(head->version, sizeof(head->version)) &&
	       is_text(head->message, sizeof(head->message)) &&
	       size == sizeof(*head) + head->gpu_count * sizeof(struct nvb_nvml_gpu) +
			       head->mig_count * sizeof(struct nvb_nvml_mig);
}

int nvb_nvml_record_parse(struct nvb_nvml_record *record, const void *data, size_t size, nvb_error **err)
{
	_cleanup_nvml_record_ struct nvb_nvml_record read = {0};
	const char *at = data;
	bool fine;

	if (size < sizeof(read.head))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the answer is cut off");
	memcpy(&read.head, at, sizeof(read.head));
	if (!check_head(&read.head, size))
		return nvb_fail(err, NVB_ERR_CORRUPT, "the answer is damaged");
	at += sizeof(read.head);
	read.gpus = calloc(read.head.gpu_count + 1, sizeof(*read.gpus));
	read.migs = calloc(read.head.mig_count + 1, sizeof(*read.migs));
	if (!read.gpus || !read.migs)
		return nvb_fail_oom(err);
	memcpy(read.gpus, at, read.head.gpu_count * sizeof(*read.gpus));
	at += read.head.gpu_count * sizeof(*read.gpus);
	memcpy(read.migs, at, read.head.mig_count * sizeof(*read.migs));
	fine = true;
	for (uint32_t i = 0; fine && i < read.head.gpu_count; i++)
		fine = check_gpu(&read.gpus[i]);
	for (uint32_t i = 0; fine && i < read.head.mig_count; i++)
		fine = check_mig(&read.head, &read.migs[i]);
	if (!fine)
		return nvb_fail(err, NVB_ERR_CORRUPT, "the answer is damaged");
	*record = read;
	read = (struct nvb_nvml_record){0};
	return 0;
}

void nvb_nvml_record_release(struct nvb_nvml_record *record)
{
	free(record->gpus);
	free(record->migs);
	*record = (struct nvb_nvml_record){0};
}
