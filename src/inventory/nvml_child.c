/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "inventory/nvml_record.h"
#include "inventory/nvml_symbols.h"

/* The child's side of the NVML seam: nothing here runs in the caller's process. */

struct answer {
	struct nvb_nvml nvml;
	struct nvb_nvml_head head;
	struct nvb_nvml_gpu *gpus;
	struct nvb_nvml_mig *migs;
	size_t gpu_capacity, mig_capacity;
};

/* Every buffer we give the library is cut at its end, whatever the library wrote into it. */
static void text(char *out, const char *in, size_t size)
{
	size_t n = strnlen(in, size - 1);

	memcpy(out, in, n);
	out[n] = '\0';
}

static void load_symbols(struct nvb_nvml *nvml, void *library)
{
#define X(name, arguments) *(void **)&nvml->name = dlsym(library, #name);
	NVB_NVML_SYMBOLS(X)
#undef X
}

/* Calls a function that may be absent; anything but success leaves the field unknown. */
#define ASK(a, name, ...) ((a)->nvml.name && (a)->nvml.name(__VA_ARGS__) == NVML_OK)

/* "NVIDIA H200 MIG 1g.18gb" says the profile; older libraries say only the GPU's name. */
static void mig_profile(const struct answer *a, nvml_device device, struct nvb_nvml_mig *mig)
{
	char name[NVML_NAME_SIZE] = "";
	nvml_device_attributes attributes = {0};
	const char *profile;
	unsigned gigabytes;

	if (ASK(a, nvmlDeviceGetAttributes_v2, device, &attributes))
		mig->memory = attributes.memory_mb << 20;
	if (ASK(a, nvmlDeviceGetName, device, name, sizeof(name))) {
		name[sizeof(name) - 1] = '\0';
		profile = strstr(name, "MIG ");
		if (profile && profile[4]) {
			snprintf(mig->profile, sizeof(mig->profile), "%s", profile + 4);
			return;
		}
	}
	if (!attributes.gi_slices || !attributes.memory_mb)
		return;
	gigabytes = (unsigned)((attributes.memory_mb + 1023) / 1024);
	if (attributes.ci_slices < attributes.gi_slices)
		snprintf(mig->profile, sizeof(mig->profile), "%uc.%ug.%ugb", attributes.ci_slices,
			attributes.gi_slices, gigabytes);
	else
		snprintf(mig->profile, sizeof(mig->profile), "%ug.%ugb", attributes.gi_slices, gigabytes);
}

static bool ask_migs(struct answer *a, nvml_device device, uint32_t gpu)
{
	uint32_t count = 0;

	if (!ASK(a, nvmlDeviceGetMaxMigDeviceCount, device, &count) || count > NVB_NVML_MIG_MAX)
		return true;
	for (uint32_t i = 0; i < count; i++) {
		struct nvb_nvml_mig mig = {.gpu = gpu};
		char uuid[NVML_UUID_SIZE] = "";
		nvml_device handle = NULL;

		/* A free slot answers NOT_FOUND. */
		if (!ASK(a, nvmlDeviceGetMigDeviceHandleByIndex, device, i, &handle) ||
			!ASK(a, nvmlDeviceGetGpuInstanceId, handle, &mig.gi) ||
			!ASK(a, nvmlDeviceGetComputeInstanceId, handle, &mig.ci))
			continue;
		if (ASK(a, nvmlDeviceGetUUID, handle, uuid, sizeof(uuid)))
			text(mig.uuid, uuid, sizeof(mig.uuid));
		mig_profile(a, handle, &mig);
		if (a->head.mig_count == NVB_NVML_MIG_MAX ||
			!NVB_GROW(a->migs, a->head.mig_count, a->mig_capacity))
			return false;
		a->migs[a->head.mig_count++] = mig;
	}
	return true;
}

static bool ask_gpu(struct answer *a, nvml_device device)
{
	struct nvb_nvml_gpu gpu = {.compute_major = -1, .compute_minor = -1, .minor = UINT32_MAX};
	char uuid[NVML_UUID_SIZE] = "", name[NVML_NAME_SIZE] = "";
	nvml_memory memory = {0};
	nvml_pci_info pci = {0};
	uint32_t minor, pending = 0;
	int cc_major, cc_minor;

	if (ASK(a, nvmlDeviceGetPciInfo_v3, device, &pci))
		text(gpu.pci, pci.bus_id, sizeof(pci.bus_id));
	if (ASK(a, nvmlDeviceGetUUID, device, uuid, sizeof(uuid)))
		text(gpu.uuid, uuid, sizeof(gpu.uuid));
	if (ASK(a, nvmlDeviceGetName, device, name, sizeof(name)))
		text(gpu.name, name, sizeof(gpu.name));
	if (ASK(a, nvmlDeviceGetMemoryInfo, device, &memory))
		gpu.memory = memory.total;
	if (ASK(a, nvmlDeviceGetCudaComputeCapability, device, &cc_major, &cc_minor)) {
		gpu.compute_major = cc_major;
		gpu.compute_minor = cc_minor;
	}
	if (ASK(a, nvmlDeviceGetMinorNumber, device, &minor))
		gpu.minor = minor;
	if (!ASK(a, nvmlDeviceGetMigMode, device, &gpu.mig_mode, &pending))
		gpu.mig_mode = 0;
	if (a->head.gpu_count == NVB_NVML_GPU_MAX || !NVB_GROW(a->gpus, a->head.gpu_count, a->gpu_capacity))
		return false;
	a->gpus[a->head.gpu_count++] = gpu;
	return gpu.mig_mode != 1 || ask_migs(a, device, a->head.gpu_count - 1);
}

static bool ask_all(struct answer *a)
{
	char version[NVML_VERSION_SIZE] = "";
	uint32_t count = 0;

	a->head.step = NVB_NVML_INIT;
	a->head.result = a->nvml.nvmlInit_v2 ? (int32_t)a->nvml.nvmlInit_v2() : NVML_FUNCTION_NOT_FOUND;
	if (a->head.result != NVML_OK)
		return true;
	if (ASK(a, nvmlSystemGetDriverVersion, version, sizeof(version)))
		text(a->head.version, version, sizeof(version));
	a->head.step = NVB_NVML_COUNT;
	a->head.result = a->nvml.nvmlDeviceGetCount_v2 ? (int32_t)a->nvml.nvmlDeviceGetCount_v2(&count)
						       : NVML_FUNCTION_NOT_FOUND;
	if (a->head.result != NVML_OK)
		return true;
	for (uint32_t i = 0; i < count; i++) {
		nvml_device device = NULL;

		/* A GPU that fell off the bus has no handle; the others still answer. */
		if (ASK(a, nvmlDeviceGetHandleByIndex_v2, i, &device) && !ask_gpu(a, device))
			return false;
	}
	a->head.step = NVB_NVML_DONE;
	return true;
}

int nvb_nvml_child(const char *library, int fd)
{
	struct answer a = {.head = {.magic = NVB_NVML_MAGIC, .step = NVB_NVML_OPEN}};
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		const char *why = dlerror();

		text(a.head.message, why ? why : "unknown error", sizeof(a.head.message));
	} else {
		load_symbols(&a.nvml, handle);
		if (!ask_all(&a))
			return 1;
	}
	if (nvb_write_all(fd, &a.head, sizeof(a.head)) < 0 ||
		nvb_write_all(fd, a.gpus, a.head.gpu_count * sizeof(*a.gpus)) < 0 ||
		nvb_write_all(fd, a.migs, a.head.mig_count * sizeof(*a.migs)) < 0)
		return 1;
	/* No shutdown: the process ends here, and the driver cleans up after it faster than the library does.
	 */
	return 0;
}
