/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "sim/nvml/library.h"

/*
 * NVIDIA's nvidia-smi does not start on the public interface alone: it asks for a private table of functions,
 * by number. Source for number, arguments and the record below: NVIDIA's own published mock (k8s-test-infra,
 * pkg/gpu/mocknvml), checked here with nvidia-smi 535.261.03 and 550.163.01; topology and sampling were
 * found out with these two, by what they print for each answer. Slots nobody has described answer
 * NOT_SUPPORTED, which nvidia-smi shows as N/A.
 */
enum {
	SLOT_TOPOLOGY = 23,
	SLOT_SAMPLING = 72,
	SLOT_DEVICE_BY_INDEX = 81,
	SLOT_COMPUTE_PROCESSES = 213,
	SLOT_GRAPHICS_PROCESSES = 214,
	SLOT_MPS_PROCESSES = 215,
	SLOT_HOST_MAX_PCIE = 230,
	SLOT_COUNT = 512,
};

static const uint8_t table_id[16] = {
	0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e, 0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};

static nvml_return unknown_slot(void)
{
	return NVML_NOT_SUPPORTED;
}

/* A process with its name, which nvidia-smi does not look up itself. */
struct named_process {
	nvml_process_detail detail;
	char name[4096];
};
static_assert(sizeof(struct named_process) == 4128, "the stride nvidia-smi walks with");

static nvml_return named_processes(
	nvml_device device, uint32_t mode, uint32_t *count, struct named_process *out)
{
	nvml_process_detail details[SIM_PROCESS_MAX];
	nvml_process_detail_list list = {.version = nvml_version(nvml_process_detail_list, 1),
		.mode = mode,
		.count = SIM_PROCESS_MAX,
		.processes = details};

	if (!count)
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = nvmlDeviceGetRunningProcessDetailList(device, &list);
	if (rc != NVML_OK || !give_room(list.count, count, out, &rc))
		return rc;
	for (uint32_t i = 0; i < list.count; i++) {
		out[i].detail = details[i];
		if (nvmlSystemGetProcessName(details[i].pid, out[i].name, sizeof(out[i].name)) != NVML_OK)
			strcpy(out[i].name, "[Not Found]");
	}
	return NVML_OK;
}

static nvml_return compute_processes(nvml_device device, uint32_t *count, struct named_process *out)
{
	return named_processes(device, 0, count, out);
}

static nvml_return graphics_processes(nvml_device device, uint32_t *count, struct named_process *out)
{
	return named_processes(device, 1, count, out);
}

static nvml_return mps_processes(nvml_device device, uint32_t *count, struct named_process *out)
{
	return named_processes(device, 2, count, out);
}

/* What the slot in the board can do; the card here never stands in a slower one than it reports. */
static nvml_return host_max_pcie(nvml_device device, uint32_t *gen)
{
	return nvmlDeviceGetMaxPcieLinkGeneration(device, gen);
}

/* nvidia-smi's own scale for "topo -m": how two GPUs, named by bus id, reach each other. */
enum {
	PATH_NODE = 3,	 /* NODE: within a NUMA node; below it PIX, PXB and PHB, PCIe bridges in common */
	PATH_SYSTEM = 4, /* SYS; + n: NV<n>, n NVLinks */
};

static nvml_return topology(const char *first, const char *second, uint32_t *path)
{
	nvml_device devices[2];
	uint32_t links, level;

	if (!first || !second || !path)
		return NVML_INVALID_ARGUMENT;
	nvml_return rc = nvmlDeviceGetHandleByPciBusId_v2(first, &devices[0]);
	if (rc == NVML_OK)
		rc = nvmlDeviceGetHandleByPciBusId_v2(second, &devices[1]);
	if (rc == NVML_OK)
		rc = nvmlDeviceGetTopologyCommonAncestor(devices[0], devices[1], &level);
	if (rc == NVML_OK)
		rc = nvlinks_between(devices[0], devices[1], &links);
	if (rc == NVML_OK)
		*path = links ? PATH_SYSTEM + links : level == NVML_TOPOLOGY_NODE ? PATH_NODE : PATH_SYSTEM;
	return rc;
}

/* Asked before "dmon" and "pmon" read samples: whether the card keeps any. All here do. */
static nvml_return has_samples(nvml_device device, uint32_t *yes)
{
	ENTER(device, FOR_GPU, yes);
	*yes = 1;
	return NVML_OK;
}

union entry {
	size_t size; /* of the table in bytes: the first entry */
	void *function;
};

API(nvmlInternalGetExportTable, const void **table, const void *id)
{
	static union entry entries[SLOT_COUNT];

	if (!table || !id)
		return NVML_INVALID_ARGUMENT;
	if (memcmp(id, table_id, sizeof(table_id)) != 0)
		return NVML_NOT_FOUND;
	for (int i = 1; i < SLOT_COUNT; i++)
		entries[i].function = (void *)unknown_slot;
	entries[SLOT_TOPOLOGY].function = (void *)topology;
	entries[SLOT_SAMPLING].function = (void *)has_samples;
	entries[SLOT_DEVICE_BY_INDEX].function = (void *)nvmlDeviceGetHandleByIndex_v2;
	entries[SLOT_COMPUTE_PROCESSES].function = (void *)compute_processes;
	entries[SLOT_GRAPHICS_PROCESSES].function = (void *)graphics_processes;
	entries[SLOT_MPS_PROCESSES].function = (void *)mps_processes;
	entries[SLOT_HOST_MAX_PCIE].function = (void *)host_max_pcie;
	entries[0].size = sizeof(entries);
	*table = entries;
	return NVML_OK;
}
