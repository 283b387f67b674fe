/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <string.h>

#include "sim/smi/smi.h"

/* See start.c about versions. */
#if defined(__x86_64__) && defined(__GLIBC__)
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#endif

int smi_load(struct nvml *nvml)
{
	nvml->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!nvml->library)
		return -1;
	*(void **)&nvml->nvmlErrorString = dlsym(nvml->library, "nvmlErrorString");
#define SMI_LOAD(name, arguments) *(void **)&nvml->name = dlsym(nvml->library, #name);
	SMI_FUNCTIONS(SMI_LOAD)
#undef SMI_LOAD
	return nvml->nvmlInit_v2 && nvml->nvmlDeviceGetCount_v2 && nvml->nvmlErrorString ? 0 : -1;
}

uint32_t smi_mig_devices(const struct smi *smi, nvml_device gpu, nvml_device devices[8])
{
	uint32_t slots = 0, count = 0;

	if (NVML(&smi->nvml, nvmlDeviceGetMaxMigDeviceCount, gpu, &slots) != NVML_OK)
		return 0;
	for (uint32_t i = 0; i < slots && count < 8; i++)
		if (NVML(&smi->nvml, nvmlDeviceGetMigDeviceHandleByIndex, gpu, i, &devices[count]) == NVML_OK)
			count++;
	return count;
}

const char *smi_mig_profile(const char *name)
{
	const char *profile = strstr(name, " MIG ");

	return profile ? profile + strlen(" MIG ") : name;
}

/* A program chooses its own name: it shall not write to the terminal of whoever looks. */
static void make_printable(char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == 127)
			*name = '?';
}

typedef nvml_return (*process_fn)(nvml_device, uint32_t *, nvml_process_info *);

uint32_t smi_processes(const struct smi *smi, nvml_device device, struct process *out, uint32_t room)
{
	const struct {
		process_fn get;
		char kind;
	} kinds[] = {
		{smi->nvml.nvmlDeviceGetComputeRunningProcesses_v3, 'C'},
		{smi->nvml.nvmlDeviceGetGraphicsRunningProcesses_v3, 'G'},
		{smi->nvml.nvmlDeviceGetMPSComputeRunningProcesses_v3, 'M'},
	};
	uint32_t count = 0;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		nvml_process_info infos[512];
		uint32_t have = sizeof(infos) / sizeof(infos[0]);
		if (!kinds[k].get || kinds[k].get(device, &have, infos) != NVML_OK)
			continue;
		for (uint32_t i = 0; i < have && count < room; i++) {
			struct process *process = &out[count++];
			*process = (struct process){.info = infos[i], .kind = kinds[k].kind};
			if (NVML(&smi->nvml, nvmlSystemGetProcessName, infos[i].pid, process->name,
				    sizeof(process->name)) != NVML_OK)
				strcpy(process->name, "[Not Found]");
			make_printable(process->name);
		}
	}
	return count;
}
