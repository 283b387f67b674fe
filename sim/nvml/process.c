/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/*
 * Processes come from the daemon's table, which holds a row per live connection. Seen through a MIG device
 * they are that instance's; through its GPU all, with the instances' ids.
 */
struct list {
	uint32_t count;
	struct sim_process process[SIM_PROCESS_MAX];
};

static nvml_return processes_of(nvml_device device, uint32_t kind, struct list *list)
{
	struct sim_process_table table;

	ENTER(device, FOR_BOTH, list);
	sim_read_processes(library_state(), &table);
	list->count = 0;
	for (uint32_t i = 0; i < table.count; i++) {
		const struct sim_process *process = &table.process[i];
		if (process->gpu == ref.gpu && process->kind == kind &&
			(!ref.mig || (process->gi == ref.gi && process->ci == ref.ci)))
			list->process[list->count++] = *process;
	}
	return NVML_OK;
}

static nvml_return give_processes(
	nvml_device device, uint32_t kind, uint32_t *count, nvml_process_info *infos)
{
	struct list list;
	nvml_return rc = count ? processes_of(device, kind, &list) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK || !give_room(list.count, count, infos, &rc))
		return rc;
	for (uint32_t i = 0; i < list.count; i++)
		infos[i] = (nvml_process_info){.pid = list.process[i].pid,
			.memory = list.process[i].memory,
			.gi = list.process[i].gi,
			.ci = list.process[i].ci};
	return NVML_OK;
}

static nvml_return give_processes_v1(
	nvml_device device, uint32_t kind, uint32_t *count, nvml_process_info_v1 *infos)
{
	struct list list;
	nvml_return rc = count ? processes_of(device, kind, &list) : NVML_INVALID_ARGUMENT;

	if (rc != NVML_OK || !give_room(list.count, count, infos, &rc))
		return rc;
	for (uint32_t i = 0; i < list.count; i++)
		infos[i] =
			(nvml_process_info_v1){.pid = list.process[i].pid, .memory = list.process[i].memory};
	return NVML_OK;
}

#define PROCESSES(name, kind)                                                         \
	API(name, nvml_device device, uint32_t *count, nvml_process_info_v1 *infos)   \
	{                                                                             \
		return give_processes_v1(device, kind, count, infos);                 \
	}                                                                             \
	API(name##_v2, nvml_device device, uint32_t *count, nvml_process_info *infos) \
	{                                                                             \
		return give_processes(device, kind, count, infos);                    \
	}                                                                             \
	API(name##_v3, nvml_device device, uint32_t *count, nvml_process_info *infos) \
	{                                                                             \
		return give_processes(device, kind, count, infos);                    \
	}

PROCESSES(nvmlDeviceGetComputeRunningProcesses, 'C')
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, 'G')
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses, 'M')

/* Its presence tells some clients which layout the _v3 functions use. */
API(nvmlDeviceGetRunningProcessDetailList, nvml_device device, nvml_process_detail_list *out)
{
	static const uint32_t kinds[] = {'C', 'G', 'M'};
	struct list list;

	if (!out || out->mode >= sizeof(kinds) / sizeof(kinds[0]))
		return NVML_INVALID_ARGUMENT;
	if (out->version != nvml_version(nvml_process_detail_list, 1))
		return NVML_ARGUMENT_VERSION_MISMATCH;
	nvml_return rc = processes_of(device, kinds[out->mode], &list);
	if (rc != NVML_OK || !give_room(list.count, &out->count, out->processes, &rc))
		return rc;
	for (uint32_t i = 0; i < list.count; i++)
		out->processes[i] = (nvml_process_detail){.pid = list.process[i].pid,
			.memory = list.process[i].memory,
			.gi = list.process[i].gi,
			.ci = list.process[i].ci};
	return NVML_OK;
}

/* The GPU's utilisation, shared out evenly; a sample per process, newer than what the caller has seen. */
API(nvmlDeviceGetProcessUtilization, nvml_device device, nvml_process_utilization *samples, uint32_t *count,
	uint64_t last)
{
	struct list list;
	uint64_t now = sim_now() / 1000;

	ENTER(device, FOR_GPU, count);
	if (gpu.mig.mode)
		return NVML_NOT_SUPPORTED;
	nvml_return rc = processes_of(device, 'C', &list);
	if (rc != NVML_OK)
		return rc;
	if (!list.count || now <= last)
		return NVML_NOT_FOUND;
	if (!give_room(list.count, count, samples, &rc))
		return rc;
	for (uint32_t i = 0; i < list.count; i++)
		samples[i] = (nvml_process_utilization){.pid = list.process[i].pid,
			.time = now,
			.sm = gpu.utilisation.gpu / list.count,
			.memory = gpu.utilisation.memory / list.count,
			.encoder = gpu.utilisation.encoder / list.count,
			.decoder = gpu.utilisation.decoder / list.count};
	return NVML_OK;
}
